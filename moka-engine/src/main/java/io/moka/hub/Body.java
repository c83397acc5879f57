package io.moka.hub;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.http.HttpResponse.BodySubscriber;
import java.net.http.HttpTimeoutException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Flow.Subscription;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;

/**
 * The bytes of an answer, taken piece by piece by one thread that waits no longer than it wants to:
 * the JDK's own streams wait for ever.
 */
final class Body implements BodySubscriber<Body>, AutoCloseable {

  /** Pieces that may lie ready, of some 16 KiB each. */
  private static final int READY = 16;

  /** Less than this in the time that a connection may idle is a connection that does not live. */
  private static final long LIVELY_BYTES = 1024;

  private final Duration idle;
  private final LongSupplier nanos;
  private final BlockingQueue<Piece> pieces = new LinkedBlockingQueue<>();
  private final CompletableFuture<Subscription> subscription = new CompletableFuture<>();
  private long windowStartNanos;
  private long windowBytes;

  /** What the connection brings: bytes, or its end, which may be an error. */
  private record Piece(List<ByteBuffer> bytes, boolean last, Optional<Throwable> error) {}

  Body(Duration idle) {
    this(idle, System::nanoTime);
  }

  Body(Duration idle, LongSupplier nanos) {
    this.idle = idle;
    this.nanos = nanos;
    this.windowStartNanos = nanos.getAsLong();
  }

  /**
   * Waits for bytes.
   *
   * @return the next ones; empty at the end
   * @throws HttpTimeoutException when too little comes in the time allowed
   * @throws IOException when the connection breaks, or ends before the length it promised
   */
  List<ByteBuffer> next() throws IOException, InterruptedException {
    while (true) {
      Piece piece = pieces.poll(idle.toNanos(), TimeUnit.NANOSECONDS);
      if (piece == null) {
        throw new HttpTimeoutException("nothing came for " + seconds());
      }
      if (piece.error().isPresent()) {
        pieces.add(piece);
        throw new IOException(piece.error().get().getMessage(), piece.error().get());
      }
      if (piece.last()) {
        pieces.add(piece);
        return List.of();
      }
      subscription.join().request(1);
      long bytes = piece.bytes().stream().mapToLong(ByteBuffer::remaining).sum();
      watch(bytes);
      if (bytes > 0) {
        return piece.bytes();
      }
    }
  }

  /**
   * Reads all of a short body.
   *
   * @param limit bytes it may have
   * @param deadline how long that may take altogether
   * @return the bytes; empty when there are more than {@code limit}
   */
  Optional<byte[]> readAll(int limit, Duration deadline) throws IOException, InterruptedException {
    long start = nanos.getAsLong();
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    for (List<ByteBuffer> bytes = next(); !bytes.isEmpty(); bytes = next()) {
      for (ByteBuffer buffer : bytes) {
        if (buffer.remaining() > limit - all.size()) {
          return Optional.empty();
        }
        byte[] copy = new byte[buffer.remaining()];
        buffer.get(copy);
        all.writeBytes(copy);
      }
      if (nanos.getAsLong() - start > deadline.toNanos()) {
        throw new HttpTimeoutException(
            "the answer did not end within " + deadline.toSeconds() + " s");
      }
    }
    return Optional.of(all.toByteArray());
  }

  private void watch(long bytes) throws HttpTimeoutException {
    windowBytes += bytes;
    long now = nanos.getAsLong();
    if (now - windowStartNanos > idle.toNanos()) {
      if (windowBytes < LIVELY_BYTES) {
        throw new HttpTimeoutException("only " + windowBytes + " bytes came in " + seconds());
      }
      windowStartNanos = now;
      windowBytes = 0;
    }
  }

  private String seconds() {
    return idle.toMillis() / 1000.0 + " s";
  }

  /** Lets the connection go, also where not all of it was read. */
  @Override
  public void close() {
    subscription.thenAccept(Subscription::cancel);
  }

  @Override
  public CompletionStage<Body> getBody() {
    return CompletableFuture.completedStage(this); // before the first byte, so that it can be read
  }

  @Override
  public void onSubscribe(Subscription connection) {
    connection.request(READY);
    subscription.complete(connection);
  }

  @Override
  public void onNext(List<ByteBuffer> bytes) {
    pieces.add(new Piece(bytes, false, Optional.empty()));
  }

  @Override
  public void onError(Throwable error) {
    pieces.add(new Piece(List.of(), true, Optional.of(error)));
  }

  @Override
  public void onComplete() {
    pieces.add(new Piece(List.of(), true, Optional.empty()));
  }
}
