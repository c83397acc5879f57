package io.moka;

import io.moka.engine.Cancellation;
import java.util.Optional;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;

/** Lets one thread at a time use a model, in order of arrival, and nobody once it is closed. */
final class ModelLock {
  private final ReentrantLock lock = new ReentrantLock(true);
  private final Runnable release;
  private volatile boolean closed;
  private volatile Optional<Cancellation> running = Optional.empty();
  private boolean released;

  ModelLock(Runnable release) {
    this.release = release;
  }

  void requireOpen() {
    if (closed) {
      throw new IllegalStateException("The model is closed; load it again");
    }
  }

  <T> T exclusively(Cancellation cancellation, Supplier<T> work) {
    if (lock.isHeldByCurrentThread()) {
      throw new IllegalStateException(
          "A listener must not ask the model that is calling it; do so when it has returned");
    }
    lock.lock();
    try {
      // before the check: whoever closes after it finds what to cancel
      running = Optional.of(cancellation);
      requireOpen();
      return work.get();
    } finally {
      running = Optional.empty();
      if (closed) {
        releaseOnce();
      }
      lock.unlock();
    }
  }

  /** May be called by a listener too: then the work that called it releases at its end. */
  void close() {
    closed = true;
    running.ifPresent(Cancellation::cancel);
    if (lock.isHeldByCurrentThread()) {
      return;
    }
    lock.lock();
    try {
      releaseOnce();
    } finally {
      lock.unlock();
    }
  }

  private void releaseOnce() {
    if (!released) {
      released = true;
      release.run();
    }
  }
}
