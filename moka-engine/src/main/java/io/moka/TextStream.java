package io.moka;

import io.moka.engine.Cancellation;
import io.moka.engine.TokenListener;
import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.LinkedBlockingQueue;

/**
 * A text while it is generated, piece by piece. It is generated in a thread of its own, also while
 * nobody reads; closing ends it early. It can be read once, by one thread.
 */
public final class TextStream implements Iterable<String>, AutoCloseable {
  /** Pieces, then nothing. */
  private final BlockingQueue<Optional<String>> pieces = new LinkedBlockingQueue<>();

  private final CompletableFuture<Generation> result = new CompletableFuture<>();
  private final Cancellation cancellation;
  private final Thread thread;
  private boolean read;

  /** What generates. */
  @FunctionalInterface
  interface Work {
    Generation run(TokenListener listener);
  }

  private TextStream(Cancellation cancellation, Work work) {
    this.cancellation = cancellation;
    this.thread = Thread.ofPlatform().daemon().name("moka-stream").unstarted(() -> run(work));
  }

  static TextStream start(Cancellation cancellation, Work work) {
    TextStream stream = new TextStream(cancellation, work);
    stream.thread.start();
    return stream;
  }

  private void run(Work work) {
    try {
      result.complete(work.run((id, text) -> publish(text)));
    } catch (RuntimeException | Error e) {
      result.completeExceptionally(e);
    } finally {
      pieces.add(Optional.empty());
    }
  }

  private void publish(String text) {
    if (!text.isEmpty()) {
      pieces.add(Optional.of(text));
    }
  }

  /**
   * The pieces, each waited for; at the end a failure of the generation is thrown.
   *
   * @return an iterator, once
   * @throws IllegalStateException when asked for another one
   */
  @Override
  public Iterator<String> iterator() {
    if (read) {
      throw new IllegalStateException("A text stream can be read once");
    }
    read = true;
    return new Pieces();
  }

  private final class Pieces implements Iterator<String> {
    private Optional<String> next = Optional.empty();
    private boolean ended;

    @Override
    public boolean hasNext() {
      if (next.isEmpty() && !ended) {
        next = take();
        ended = next.isEmpty();
        if (ended) {
          result();
        }
      }
      return next.isPresent();
    }

    @Override
    public String next() {
      if (!hasNext()) {
        throw new NoSuchElementException("the text has ended");
      }
      String piece = next.orElseThrow();
      next = Optional.empty();
      return piece;
    }
  }

  private Optional<String> take() {
    try {
      return pieces.take();
    } catch (InterruptedException e) {
      cancellation.cancel();
      Thread.currentThread().interrupt();
      throw new MokaException("Interrupted while waiting for text; the generation is cancelled", e);
    }
  }

  /**
   * The whole, waited for.
   *
   * @return what was generated
   * @throws MokaException when the generation failed
   */
  public Generation result() {
    try {
      return result.join();
    } catch (CompletionException e) {
      throw switch (e.getCause()) {
        case RuntimeException cause -> cause;
        case Error cause -> throw cause;
        case null, default -> e;
      };
    }
  }

  /** Ends the generation within one step, from any thread; does not wait for it. */
  public void cancel() {
    cancellation.cancel();
  }

  /** Ends the generation and waits until it has ended. */
  @Override
  public void close() {
    cancellation.cancel();
    result.handle((generation, failure) -> Optional.empty()).join();
  }
}
