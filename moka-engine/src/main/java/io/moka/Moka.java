package io.moka;

import io.moka.checkpoint.Checkpoint;
import io.moka.checkpoint.ModelConfig;
import io.moka.checkpoint.ModelLocator;
import io.moka.engine.Cancellation;
import io.moka.engine.Completion;
import io.moka.engine.Logits;
import io.moka.engine.Perplexity;
import io.moka.engine.Request;
import io.moka.engine.SamplingOptions;
import io.moka.engine.TokenListener;
import io.moka.kernels.KvType;
import io.moka.text.Tokenizer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.Supplier;

/**
 * A loaded model. Any thread may ask it; it does one thing at a time, the others wait in order.
 *
 * <p>It owns all memory off the heap until it is closed. Closing cancels what runs and waits for
 * it; whoever asks after that gets an {@link IllegalStateException}.
 */
public final class Moka implements AutoCloseable {
  private final LoadedModel model;
  private final ModelLock lock;

  private Moka(LoadedModel model) {
    this.model = model;
    this.lock = new ModelLock(model::close);
  }

  /**
   * Loads the model that comes with Moka.
   *
   * @return the model; the caller closes it
   * @throws ModelNotFoundException when it is not there
   */
  public static Moka loadEmbedded() {
    return loadEmbedded(LoadOptions.DEFAULT);
  }

  /**
   * Loads the model that comes with Moka: {@code models/fairytales-moe} below the folder that the
   * system property {@code moka.home} names; without it, below a folder above Moka's code or below
   * the working directory.
   *
   * @param options how
   * @return the model; the caller closes it
   * @throws ModelNotFoundException when it is not there
   */
  public static Moka loadEmbedded(LoadOptions options) {
    return load(EmbeddedModel.locate(), options);
  }

  /**
   * Loads a model.
   *
   * @param model a folder in Hugging Face's form, a GGUF or packed file, or a name in the local
   *     Hugging Face cache: {@code org/name} or {@code org/name:FILE}, FILE being a file or a
   *     quantisation
   * @return the model; the caller closes it
   * @throws ModelNotFoundException when there is none
   * @throws io.moka.hub.ChoiceException when FILE may mean several of the cache
   * @throws ModelException when its files are damaged or not supported
   */
  public static Moka load(String model) {
    return load(model, LoadOptions.DEFAULT);
  }

  /**
   * Loads a model.
   *
   * @param model a folder in Hugging Face's form, a GGUF or packed file, or a name in the local
   *     Hugging Face cache: {@code org/name} or {@code org/name:FILE}, FILE being a file or a
   *     quantisation
   * @param options how
   * @return the model; the caller closes it
   * @throws ModelNotFoundException when there is none
   * @throws io.moka.hub.ChoiceException when FILE may mean several of the cache
   * @throws ModelException when its files are damaged or not supported
   */
  public static Moka load(String model, LoadOptions options) {
    return load(new ModelLocator(System.getenv()).locate(model), options);
  }

  /**
   * Loads a model.
   *
   * @param model a folder in Hugging Face's form, a GGUF or a packed file
   * @return the model; the caller closes it
   * @throws ModelException when its files are missing, damaged or not supported
   */
  public static Moka load(Path model) {
    return load(model, LoadOptions.DEFAULT);
  }

  /**
   * Loads a model.
   *
   * @param model a folder in Hugging Face's form, a GGUF or a packed file
   * @param options how
   * @return the model; the caller closes it
   * @throws ModelException when its files are missing, damaged or not supported
   */
  public static Moka load(Path model, LoadOptions options) {
    return load(Checkpoint.open(model), options);
  }

  /**
   * Loads a model from an open checkpoint, of random weights for example.
   *
   * @param checkpoint the files; from now on owned by the model, also when loading fails
   * @param options how
   * @return the model; the caller closes it
   * @throws ModelException when its files are damaged or not supported
   */
  public static Moka load(Checkpoint checkpoint, LoadOptions options) {
    return new Moka(new LoadedModel(checkpoint, options));
  }

  /**
   * Continues a text in the model's own way.
   *
   * @param prompt the beginning of the text
   * @return its continuation
   * @throws RequestException when the prompt cannot be served
   */
  public Generation generate(String prompt) {
    return generate(prompt, GenerateOptions.DEFAULT);
  }

  /**
   * Continues a text.
   *
   * @param prompt the beginning of the text; special tokens written in it are taken as such
   * @param options how
   * @return its continuation
   * @throws RequestException when prompt or options cannot be served
   */
  public Generation generate(String prompt, GenerateOptions options) {
    return generate(prompt, options, TokenListener.NONE);
  }

  /**
   * Continues a text and tells of it while it grows.
   *
   * @param prompt the beginning of the text; special tokens written in it are taken as such
   * @param options how
   * @param listener hears of each token, in this thread; must not ask this model for anything
   * @return its continuation
   * @throws RequestException when prompt or options cannot be served
   */
  public Generation generate(String prompt, GenerateOptions options, TokenListener listener) {
    return run(promptIds(prompt), options, false, listener, new Cancellation());
  }

  /**
   * Continues a text of ids.
   *
   * @param ids the beginning of the text, taken as it is
   * @param options how
   * @param listener hears of each token, in this thread; must not ask this model for anything
   * @param cancellation ends it early, from any thread
   * @return its continuation
   * @throws RequestException when ids or options cannot be served
   */
  public Generation generate(
      List<Integer> ids,
      GenerateOptions options,
      TokenListener listener,
      Cancellation cancellation) {
    return run(ids, options, false, listener, cancellation);
  }

  /**
   * Continues several texts in shared steps; each becomes what it would become alone.
   *
   * @param prompts the beginnings of the texts
   * @param options how; a seed counts for each of them
   * @return their continuations, in the same order
   * @throws RequestException when one of them cannot be served; then none is begun
   */
  public List<Generation> generateAll(List<String> prompts, GenerateOptions options) {
    Cancellation cancellation = new Cancellation();
    List<Request> requests = new ArrayList<>();
    for (String prompt : prompts) {
      requests.add(request(promptIds(prompt), options, false, TokenListener.NONE, cancellation));
    }
    return generateAll(requests, cancellation);
  }

  /**
   * Continues a text in the background.
   *
   * @param prompt the beginning of the text; special tokens written in it are taken as such
   * @param options how
   * @return the continuation while it grows; to be closed
   * @throws RequestException when prompt or options cannot be served
   */
  public TextStream stream(String prompt, GenerateOptions options) {
    return stream(promptIds(prompt), options, false);
  }

  /**
   * Answers a conversation.
   *
   * @param messages what was said so far
   * @param options how
   * @return the answer
   * @throws RequestException when messages or options cannot be served
   * @throws ModelException when the model has no chat template
   */
  public Generation chat(List<ChatMessage> messages, GenerateOptions options) {
    return chat(messages, options, TokenListener.NONE);
  }

  /**
   * Answers a conversation and tells of it while the answer grows.
   *
   * @param messages what was said so far
   * @param options how
   * @param listener hears of each token, in this thread; must not ask this model for anything
   * @return the answer
   * @throws RequestException when messages or options cannot be served
   * @throws ModelException when the model has no chat template
   */
  public Generation chat(
      List<ChatMessage> messages, GenerateOptions options, TokenListener listener) {
    return chat(messages, options, listener, new Cancellation());
  }

  /**
   * Answers a conversation; it can be ended early.
   *
   * @param messages what was said so far
   * @param options how
   * @param listener hears of each token, in this thread; must not ask this model for anything
   * @param cancellation ends it early, from any thread
   * @return the answer
   * @throws RequestException when messages or options cannot be served
   * @throws ModelException when the model has no chat template
   */
  public Generation chat(
      List<ChatMessage> messages,
      GenerateOptions options,
      TokenListener listener,
      Cancellation cancellation) {
    return run(chatIds(messages, options), options, true, listener, cancellation);
  }

  /**
   * Answers a conversation in the background.
   *
   * @param messages what was said so far
   * @param options how
   * @return the answer while it grows; to be closed
   * @throws RequestException when messages or options cannot be served
   * @throws ModelException when the model has no chat template
   */
  public TextStream streamChat(List<ChatMessage> messages, GenerateOptions options) {
    return stream(chatIds(messages, options), options, true);
  }

  /**
   * What a conversation is for the model: rendered by its template, in ids. Special tokens come
   * from the template alone.
   *
   * @param messages what was said so far
   * @param options what else the template reads
   * @return ids
   * @throws RequestException when the template refuses the messages
   * @throws ModelException when the model has no chat template
   */
  public List<Integer> chatIds(List<ChatMessage> messages, GenerateOptions options) {
    lock.requireOpen();
    return list(
        model
            .chatEncoder()
            .encode(
                messages.stream().map(ChatMessage::fields).toList(), options.templateVariables()));
  }

  /**
   * Whether the model has a chat template.
   *
   * @return false for one that can only continue texts
   */
  public boolean chats() {
    return model.chats();
  }

  /**
   * Counts the tokens of plain text.
   *
   * @param text any text
   * @return how many
   * @throws RequestException when the text is too long
   * @throws ModelException when the model has no tokenizer
   */
  public int countTokens(String text) {
    return tokenizer().countTokens(text);
  }

  /**
   * The model's vocabulary; closed with the model.
   *
   * @return the tokenizer
   * @throws ModelException when the model has none
   */
  public Tokenizer tokenizer() {
    lock.requireOpen();
    return model.tokenizer();
  }

  /**
   * The architecture.
   *
   * @return as loaded
   */
  public ModelConfig config() {
    return model.checkpoint().config();
  }

  /**
   * The longest text.
   *
   * @return tokens of prompt and answer together
   */
  public int contextLength() {
    return model.plan().contextLength();
  }

  /**
   * How keys and values are stored.
   *
   * @return the type
   */
  public KvType kvType() {
    return model.kvType();
  }

  /**
   * What computes.
   *
   * @return one line
   */
  public String kernels() {
    return model.kernels().description();
  }

  /**
   * What a user should know about this loading: that the context was cut to fit memory, for
   * example.
   *
   * @return sentences; mostly none
   */
  public List<String> notices() {
    return model.plan().notice().map(List::of).orElse(List.of());
  }

  /**
   * Computes the logits of every token of a text.
   *
   * @param ids the text
   * @param consumer takes them, in order, in this thread; must not ask this model for anything
   * @throws RequestException when the text is empty, longer than the context or not of the
   *     vocabulary
   * @throws java.util.concurrent.CancellationException when the model is closed meanwhile
   */
  public void logits(List<Integer> ids, Logits.RowConsumer consumer) {
    Cancellation cancellation = new Cancellation();
    lock.exclusively(
        cancellation,
        () -> {
          new Logits(model.state(), cancellation).forEach(ids, consumer);
          return Optional.empty();
        });
  }

  /**
   * Measures how well the model foretells a text.
   *
   * @param ids the text
   * @param window predictions of a window; see {@link Perplexity}
   * @return the figures
   * @throws RequestException when the text does not fill one window, or a window not fit the
   *     context
   * @throws java.util.concurrent.CancellationException when the model is closed meanwhile
   */
  public Perplexity perplexity(List<Integer> ids, int window) {
    Cancellation cancellation = new Cancellation();
    Logits logits = new Logits(model.state(), cancellation);
    return lock.exclusively(cancellation, () -> Perplexity.measure(logits, ids, window));
  }

  private List<Integer> promptIds(String prompt) {
    return list(tokenizer().encode(prompt, true, true));
  }

  private static List<Integer> list(int[] ids) {
    return Arrays.stream(ids).boxed().toList();
  }

  private TextStream stream(List<Integer> ids, GenerateOptions options, boolean ownText) {
    Cancellation cancellation = new Cancellation();
    // made here so that what is wrong with it shows here
    Request request = request(ids, options, ownText, TokenListener.NONE, cancellation);
    return TextStream.start(
        cancellation,
        listener -> generateAll(List.of(withListener(request, listener)), cancellation).getFirst());
  }

  private static Request withListener(Request request, TokenListener listener) {
    return new Request(
        request.prompt(),
        request.sampling(),
        request.maxTokens(),
        request.stopStrings(),
        request.ignoreEnd(),
        request.ownText(),
        listener,
        request.cancellation());
  }

  private Generation run(
      List<Integer> ids,
      GenerateOptions options,
      boolean ownText,
      TokenListener listener,
      Cancellation cancellation) {
    Request request = request(ids, options, ownText, listener, cancellation);
    return generateAll(List.of(request), cancellation).getFirst();
  }

  private Request request(
      List<Integer> ids,
      GenerateOptions options,
      boolean ownText,
      TokenListener listener,
      Cancellation cancellation) {
    long seed = options.seed().orElseGet(ThreadLocalRandom.current()::nextLong);
    SamplingOptions sampling = options.sampling(model.checkpoint().generationDefaults(), seed);
    return new Request(
        ids,
        sampling,
        options.maxTokens().orElse(Integer.MAX_VALUE),
        options.stop(),
        options.ignoreEnd(),
        ownText,
        listener,
        cancellation);
  }

  private List<Generation> generateAll(List<Request> requests, Cancellation cancellation) {
    Supplier<List<Completion>> work = () -> model.loop().generateAll(requests);
    List<Completion> completions = lock.exclusively(cancellation, work);
    List<Generation> generations = new ArrayList<>();
    for (int i = 0; i < requests.size(); i++) {
      generations.add(Generation.of(completions.get(i), requests.get(i).sampling().seed()));
    }
    return generations;
  }

  /** Cancels what runs, waits for it, and gives all memory back. A second call does nothing. */
  @Override
  public void close() {
    lock.close();
  }
}
