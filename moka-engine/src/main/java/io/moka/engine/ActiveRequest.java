package io.moka.engine;

import io.moka.model.Batch;
import io.moka.text.StreamDecoder;
import io.moka.text.Tokenizer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** A request on its way through the steps. */
final class ActiveRequest {
  private final Request request;
  private final Set<Integer> endIds;
  private final Sequence sequence;
  private final SamplingState sampling;
  private final Optional<StreamDecoder> decoder;
  private final StopStrings stops;
  private final int maxLength;

  private final List<Integer> generated = new ArrayList<>();
  private final StringBuilder text = new StringBuilder();
  private Optional<FinishReason> finish = Optional.empty();
  private long startNanos;
  private long firstTokenNanos;
  private long endNanos;

  ActiveRequest(
      Request request, EngineState state, Optional<Tokenizer> tokenizer, Set<Integer> endIds) {
    this.request = request;
    this.endIds = request.ignoreEnd() ? Set.of() : endIds;
    int[] prompt = state.checked(request.prompt());
    this.sequence = new Sequence(prompt);
    this.sampling = new SamplingState(request.sampling(), state.forward().vocabSize(), prompt);
    this.decoder =
        tokenizer.map(t -> new StreamDecoder(t, true, request.ownText() && t.stripsLeadingSpace()));
    this.stops = new StopStrings(request.stopStrings());
    this.maxLength =
        (int) Math.min(state.contextLength(), (long) prompt.length + request.maxTokens());
    if (maxLength == prompt.length) {
      finish = Optional.of(FinishReason.LENGTH);
    }
  }

  SamplingState sampling() {
    return sampling;
  }

  boolean finished() {
    return finish.isPresent();
  }

  /** Whether only the last sampled token is still to be seen, not a prompt. */
  boolean decoding() {
    return !generated.isEmpty();
  }

  int pending() {
    return sequence.pending();
  }

  /** Blocks it may still take. The last token of all is never seen by a step. */
  int blocksToCome() {
    return sequence.blocksToReach(maxLength - 1);
  }

  /** Whether its caller wants it to end. */
  boolean cancelled() {
    return request.cancellation().isCancelled();
  }

  /** Ends it when its caller wants so. */
  void checkCancelled() {
    if (!finished() && cancelled()) {
      finish = Optional.of(FinishReason.CANCELLED);
      endNanos = System.nanoTime();
    }
  }

  /** Adds its next tokens to a step; says whether it gets logits. */
  boolean addTo(Batch batch, int rows, BlockAllocator allocator) {
    if (startNanos == 0) {
      startNanos = System.nanoTime();
    }
    boolean last = rows == sequence.pending();
    sequence.addTo(batch, rows, last ? Batch.Logits.LAST : Batch.Logits.NONE, allocator);
    return last;
  }

  /** Takes a sampled token. */
  void accept(int id) {
    endNanos = System.nanoTime();
    if (generated.isEmpty()) {
      firstTokenNanos = endNanos;
    }
    generated.add(id);
    sampling.accept(id);
    sequence.append(id);
    StringBuilder piece = new StringBuilder();
    if (endIds.contains(id)) {
      finish = Optional.of(FinishReason.STOP);
    } else {
      decoder.ifPresent(d -> piece.append(stops.push(d.push(id))));
      if (!stops.found() && sequence.length() == maxLength) {
        finish = Optional.of(FinishReason.LENGTH);
      }
    }
    if (finished()) {
      decoder.ifPresent(d -> piece.append(stops.push(d.flush())));
      piece.append(stops.found() ? "" : stops.flush());
    }
    if (stops.found()) {
      finish = Optional.of(FinishReason.STOP_STRING);
    }
    text.append(piece);
    request.listener().onToken(id, piece.toString());
  }

  void release(BlockAllocator allocator) {
    sequence.release(allocator);
  }

  Completion completion() {
    int prompt = request.prompt().size();
    Timings timings =
        generated.isEmpty()
            ? new Timings(prompt, startNanos == 0 ? 0 : endNanos - startNanos, 0, 0)
            : new Timings(
                prompt,
                firstTokenNanos - startNanos,
                generated.size() - 1,
                endNanos - firstTokenNanos);
    return new Completion(generated, text.toString(), finish.orElseThrow(), timings);
  }
}
