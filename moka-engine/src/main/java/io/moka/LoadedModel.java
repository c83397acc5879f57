package io.moka;

import io.moka.checkpoint.Checkpoint;
import io.moka.checkpoint.GgufMetadata;
import io.moka.checkpoint.PackedWeights;
import io.moka.engine.BlockAllocator;
import io.moka.engine.CachePlan;
import io.moka.engine.ChatEncoder;
import io.moka.engine.EngineState;
import io.moka.engine.Forward;
import io.moka.engine.FreeMemory;
import io.moka.engine.StepLoop;
import io.moka.engine.WarmUp;
import io.moka.kernels.Kernels;
import io.moka.kernels.KvCache;
import io.moka.kernels.KvType;
import io.moka.kernels.cpu.NodeThreads;
import io.moka.model.Transformer;
import io.moka.model.TransformerOptions;
import io.moka.text.GgufVocabulary;
import io.moka.text.Tokenizer;
import io.moka.text.TokenizerConfig;
import java.nio.file.Files;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** The parts of a loaded model, opened in order and closed in the opposite one. */
final class LoadedModel implements AutoCloseable {
  private final Deque<Runnable> closers = new ArrayDeque<>();
  private final Checkpoint checkpoint;
  private Kernels kernels;
  private Optional<Tokenizer> tokenizer = Optional.empty();
  private List<Integer> endsOfVocabulary = List.of();
  private Optional<ChatEncoder> chatEncoder = Optional.empty();
  private CachePlan plan;
  private KvType kvType;
  private EngineState state;
  private StepLoop loop;

  /** Takes the checkpoint over, also when it fails. */
  LoadedModel(Checkpoint checkpoint, LoadOptions options) {
    this.checkpoint = checkpoint;
    closers.push(checkpoint::close);
    try {
      open(options);
    } catch (RuntimeException | Error e) {
      close();
      throw e;
    }
  }

  private void open(LoadOptions options) {
    // the small files first: what is wrong with them shows before gigabytes are read
    tokenizer =
        checkpoint.metadata().isPresent()
            ? ggufTokenizer()
            : tokenizerOfFolder().or(this::carriedTokenizer);
    tokenizer.ifPresent(t -> closers.push(t::close));
    chatEncoder =
        tokenizer.flatMap(t -> t.chatTemplate().map(template -> new ChatEncoder(t, template)));
    int threads = options.threads().orElseGet(Runtime.getRuntime()::availableProcessors);
    kernels =
        options
            .kernels()
            .open(
                options.numa()
                    ? NodeThreads.onThisMachine(threads)
                    : NodeThreads.onOneNode(threads),
                options.activations());
    closers.push(kernels::close);
    TransformerOptions how =
        new TransformerOptions(options.moePath(), options.prefuse(), options.forceRandomRouting());
    kvType = options.kvType().orElseGet(() -> CachePlan.suitedType(checkpoint));
    Transformer transformer;
    try (WarmUp _ = WarmUp.start(checkpoint, options.kernels(), options.activations(), kvType)) {
      transformer = Transformer.load(checkpoint, kernels, how, options.progress());
    }
    closers.push(transformer::close);
    plan = CachePlan.of(checkpoint.config(), kvType, options.contextLength(), freeBytes());
    KvCache cache = transformer.newCache(kvType, plan.blocks());
    closers.push(cache::close);
    state =
        new EngineState(
            Forward.of(transformer, cache),
            new BlockAllocator(plan.blocks()),
            plan.contextLength(),
            EngineState.DEFAULT_CHUNK_ROWS);
    loop = new StepLoop(state, tokenizer, endIds());
  }

  /** What is free beside the weights; a mapped file takes its memory only as it is read. */
  private long freeBytes() {
    long mapped = checkpoint.packed().map(PackedWeights::bytes).orElse(0L);
    return Math.max(0, FreeMemory.bytes() - mapped);
  }

  private Optional<Tokenizer> tokenizerOfFolder() {
    return checkpoint
        .folder()
        .filter(folder -> Files.exists(folder.resolve("tokenizer.json")))
        .map(Tokenizer::open);
  }

  /** That of a packed file that was made from a folder. */
  private Optional<Tokenizer> carriedTokenizer() {
    String source = checkpoint.packed().map(PackedWeights::source).orElse("");
    return checkpoint
        .document("tokenizer.json")
        .map(json ->
            Tokenizer.ofJson(
                source + "/tokenizer.json",
                json,
                TokenizerConfig.of(
                    source,
                    checkpoint.document("tokenizer_config.json"),
                    checkpoint.document("chat_template.jinja"))));
  }

  private Optional<Tokenizer> ggufTokenizer() {
    GgufMetadata metadata = checkpoint.metadata().orElseThrow();
    Optional<GgufVocabulary> vocabulary = GgufText.vocabulary(metadata);
    vocabulary.ifPresent(words -> endsOfVocabulary = words.endTokenIds());
    return vocabulary.map(words -> Tokenizer.ofGguf(metadata.source(), words));
  }

  /** generation_config.json speaks before config.json; the vocabulary's own end always counts. */
  private Set<Integer> endIds() {
    List<Integer> given = checkpoint.generationDefaults().eosTokenIds();
    Set<Integer> ids = new HashSet<>(given.isEmpty() ? checkpoint.config().eosTokenIds() : given);
    ids.addAll(endsOfVocabulary);
    tokenizer.ifPresent(t ->
        Optional.ofNullable(t.specialTokens().get("eos_token"))
            .ifPresent(token -> t.idOf(token).ifPresent(ids::add)));
    return ids;
  }

  Checkpoint checkpoint() {
    return checkpoint;
  }

  Kernels kernels() {
    return kernels;
  }

  Tokenizer tokenizer() {
    return tokenizer.orElseThrow(() ->
        new ModelException(
            "The model has no tokenizer.json beside its weights, and no vocabulary in a GGUF file,"
                + " so it knows no text, only ids"));
  }

  ChatEncoder chatEncoder() {
    tokenizer();
    return chatEncoder.orElseThrow(() ->
        new ModelException(
            "The model has no chat template (chat_template.jinja, or chat_template in"
                + " tokenizer_config.json or a GGUF file); let it continue a plain prompt"));
  }

  boolean chats() {
    return chatEncoder.isPresent();
  }

  CachePlan plan() {
    return plan;
  }

  KvType kvType() {
    return kvType;
  }

  EngineState state() {
    return state;
  }

  StepLoop loop() {
    return loop;
  }

  @Override
  public void close() {
    while (!closers.isEmpty()) {
      closers.pop().run();
    }
  }
}
