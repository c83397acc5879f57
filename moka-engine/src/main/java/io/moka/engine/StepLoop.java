package io.moka.engine;

import io.moka.kernels.Rows;
import io.moka.model.Batch;
import io.moka.model.Transformer;
import io.moka.text.Tokenizer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.BooleanSupplier;

/**
 * Generates: admit requests while the cache has room for all they may need, give each step one row
 * of every text that is being generated and a chunk of the prompts, sample, publish. What a request
 * gets does not depend on the others.
 */
public final class StepLoop {
  private static final int MAX_RUNNING = 64;

  private final EngineState state;
  private final Optional<Tokenizer> tokenizer;
  private final Set<Integer> endIds;
  private final Sampler sampler;
  private final Batch batch = new Batch();
  private final BooleanSupplier allCancelled = this::allCancelled;
  private final List<ActiveRequest> running = new ArrayList<>();

  /** Who gets logits of the step, in the order of the rows. */
  private final List<ActiveRequest> sampled = new ArrayList<>();

  /**
   * Creates a loop.
   *
   * @param state what it works on; owned by the caller
   * @param tokenizer the vocabulary; empty for a model without text, which generates only ids
   * @param endIds the tokens with which the model ends a text
   */
  public StepLoop(EngineState state, Optional<Tokenizer> tokenizer, Set<Integer> endIds) {
    this.state = state;
    this.tokenizer = tokenizer;
    this.endIds = Set.copyOf(endIds);
    this.sampler = new Sampler(state.forward().vocabSize());
  }

  /**
   * Serves requests together.
   *
   * @param requests what to generate
   * @return what came of each, in the same order
   * @throws io.moka.RequestException when one cannot be served; then none was begun
   * @throws io.moka.NumericalException when the model yields no usable numbers; then all are ended
   */
  public List<Completion> generateAll(List<Request> requests) {
    List<ActiveRequest> all = new ArrayList<>();
    for (Request request : requests) {
      all.add(new ActiveRequest(request, state, tokenizer, endIds));
    }
    Deque<ActiveRequest> waiting = new ArrayDeque<>(all);
    try {
      while (!waiting.isEmpty() || !running.isEmpty()) {
        all.forEach(ActiveRequest::checkCancelled);
        retire();
        admit(waiting);
        if (!running.isEmpty()) {
          step();
          retire();
        }
      }
    } finally {
      running.forEach(request -> request.release(state.blocks()));
      running.clear();
    }
    return all.stream().map(ActiveRequest::completion).toList();
  }

  /** A request starts only when every running one can still get all the blocks it may need. */
  private void admit(Deque<ActiveRequest> waiting) {
    int spare = state.blocks().available();
    for (ActiveRequest request : running) {
      spare -= request.blocksToCome();
    }
    while (!waiting.isEmpty() && running.size() < MAX_RUNNING) {
      ActiveRequest next = waiting.element();
      if (!next.finished()) {
        spare -= next.blocksToCome();
        if (spare < 0) {
          return;
        }
        running.add(next);
      }
      waiting.remove();
    }
  }

  private void step() {
    batch.clear();
    sampled.clear();
    int promptRows = state.chunkRows();
    for (ActiveRequest request : running) {
      int rows = request.decoding() ? 1 : Math.min(promptRows, request.pending());
      if (rows > 0 && request.addTo(batch, rows, state.blocks())) {
        sampled.add(request);
      }
      promptRows -= request.decoding() ? 0 : rows;
    }
    boolean complete = state.forward().run(batch, allCancelled);
    running.forEach(ActiveRequest::checkCancelled);
    if (!complete) {
      return;
    }
    for (int first = 0; first < sampled.size(); first += Transformer.MAX_LOGIT_ROWS) {
      int count = Math.min(Transformer.MAX_LOGIT_ROWS, sampled.size() - first);
      Rows logits = state.forward().logits(first, count);
      for (int row = 0; row < count; row++) {
        ActiveRequest request = sampled.get(first + row);
        if (!request.finished()) {
          request.accept(sampler.sample(logits, row, request.sampling()));
        }
      }
    }
  }

  private boolean allCancelled() {
    // asked after every layer, so without a stream's garbage
    for (int i = 0; i < running.size(); i++) {
      if (!running.get(i).cancelled()) {
        return false;
      }
    }
    return true;
  }

  private void retire() {
    for (ActiveRequest request : running) {
      if (request.finished()) {
        request.release(state.blocks());
      }
    }
    running.removeIf(ActiveRequest::finished);
  }
}
