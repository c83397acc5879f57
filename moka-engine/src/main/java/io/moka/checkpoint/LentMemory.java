package io.moka.checkpoint;

import io.moka.weights.NativeMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * Memory for tensors that are computed when they are asked for. What one gives back serves the next
 * of its size. Any number of threads may ask at once.
 */
final class LentMemory implements AutoCloseable {
  /** Larger buffers, those of embedding and head, go back to the system instead of waiting. */
  private static final long KEPT_BYTES = 256L << 20;

  private final Arena kept = Arena.ofShared();

  // guarded by this
  private final Map<Long, Deque<Buffer>> free = new HashMap<>();
  private final Map<MemorySegment, Buffer> lent = new IdentityHashMap<>();
  private boolean closed;

  /** Memory for one tensor, with the arena to close when it does not wait for the next. */
  private record Buffer(MemorySegment memory, Optional<Arena> own) {}

  /** Memory that is filled, read-only from then on. */
  MemorySegment lend(long bytes, Consumer<MemorySegment> fill) {
    Buffer buffer = borrow(bytes);
    fill.accept(buffer.memory());
    MemorySegment data = buffer.memory().asReadOnly();
    synchronized (this) {
      lent.put(data, buffer);
    }
    return data;
  }

  /** Takes memory back; other memory, or the same a second time, changes nothing. */
  void release(MemorySegment data) {
    Optional<Arena> unneeded = Optional.empty();
    synchronized (this) {
      Buffer buffer = lent.remove(data);
      if (buffer != null && buffer.own().isEmpty()) {
        free.computeIfAbsent(buffer.memory().byteSize(), size -> new ArrayDeque<>()).push(buffer);
      } else if (buffer != null) {
        unneeded = buffer.own();
      }
    }
    unneeded.ifPresent(Arena::close);
  }

  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      lent.values().forEach(buffer -> buffer.own().ifPresent(Arena::close));
      lent.clear();
      kept.close();
    }
  }

  private Buffer borrow(long bytes) {
    if (bytes > KEPT_BYTES) {
      Arena own = Arena.ofShared();
      return new Buffer(NativeMemory.allocate(own, bytes), Optional.of(own));
    }
    synchronized (this) {
      Deque<Buffer> waiting = free.getOrDefault(bytes, new ArrayDeque<>());
      return waiting.isEmpty()
          ? new Buffer(NativeMemory.allocate(kept, bytes), Optional.empty())
          : waiting.pop();
    }
  }
}
