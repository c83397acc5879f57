package io.moka.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class WeightArenaTest {
  private static final long REGION = 64L << 20;
  private static final int THREADS = 8;

  /**
   * Also half a region and a byte more, where memory of its own begins, and what no region holds.
   */
  @ParameterizedTest
  @ValueSource(longs = {0, 1, 63, 4096, REGION / 2, REGION / 2 + 1, REGION, REGION + 1, 3 * REGION})
  void handsOutAlignedZeros(long bytes) {
    try (WeightArena arena = new WeightArena()) {
      for (long alignment : new long[] {1, 64, 4096, 2 << 20}) {
        arena.allocate(1, 1).fill((byte) 1); // what comes next would begin behind it
        MemorySegment data = arena.allocate(bytes, alignment);
        assertThat(data.byteSize()).isEqualTo(bytes);
        assertThat(data.address() % alignment).isZero();
        assertThat(data.scope()).isEqualTo(arena.scope());
        assertZeros(data);
      }
    }
  }

  /** Two places of each page, and the end. */
  private static void assertZeros(MemorySegment data) {
    for (long at = 0; at < data.byteSize(); at += 2048) {
      assertThat(data.get(ValueLayout.JAVA_BYTE, at)).isZero();
    }
    if (data.byteSize() > 0) {
      assertThat(data.get(ValueLayout.JAVA_BYTE, data.byteSize() - 1)).isZero();
    }
  }

  @Test
  void evenTheFirstEmptySegmentIsOfTheArena() {
    try (WeightArena arena = new WeightArena()) {
      MemorySegment empty = arena.allocate(0, 64);
      assertThat(empty.byteSize()).isZero();
      assertThat(empty.scope()).isEqualTo(arena.scope());
    }
  }

  @Test
  void threadsGetMemoryOfTheirOwn() throws Exception {
    try (WeightArena arena = new WeightArena();
        ExecutorService threads = Executors.newFixedThreadPool(THREADS)) {
      List<Future<List<MemorySegment>>> results = new ArrayList<>();
      for (int thread = 0; thread < THREADS; thread++) {
        int own = thread;
        results.add(threads.submit(() -> allocate(arena, own)));
      }
      List<MemorySegment> all = new ArrayList<>();
      for (Future<List<MemorySegment>> result : results) {
        all.addAll(result.get());
      }
      all.sort(Comparator.comparingLong(MemorySegment::address));
      for (int i = 1; i < all.size(); i++) {
        MemorySegment before = all.get(i - 1);
        assertThat(before.address() + before.byteSize()).isLessThanOrEqualTo(all.get(i).address());
      }
    }
  }

  /** Several regions' worth, and pieces too large for a region. */
  private static List<MemorySegment> allocate(WeightArena arena, int thread) {
    SplittableRandom random = new SplittableRandom(thread);
    List<MemorySegment> own = new ArrayList<>();
    for (int i = 0; i < 200; i++) {
      boolean large = random.nextInt(50) == 0;
      long bytes = large ? REGION / 2 + random.nextInt(1 << 20) : random.nextInt(1 << 20);
      own.add(arena.allocate(bytes, 1L << random.nextInt(13)));
    }
    return own;
  }

  /** A request that is refused must not move what comes next onto memory that is taken. */
  @Test
  void refusesSizesAndAlignmentsThatThereAreNone() {
    try (WeightArena arena = new WeightArena()) {
      MemorySegment first = arena.allocate(100, 1);
      for (long bytes : new long[] {-1, -100, Long.MIN_VALUE}) {
        assertThatIllegalArgumentException().isThrownBy(() -> arena.allocate(bytes, 1));
      }
      for (long alignment : new long[] {0, -1, 3, Long.MIN_VALUE, 4 << 20}) {
        assertThatIllegalArgumentException().isThrownBy(() -> arena.allocate(8, alignment));
      }
      assertThatThrownBy(() -> arena.allocate(Long.MAX_VALUE, 1))
          .isInstanceOf(ArithmeticException.class);
      MemorySegment second = arena.allocate(100, 1);
      assertThat(second.address()).isGreaterThanOrEqualTo(first.address() + 100);
    }
  }

  @Test
  void nothingIsLeftAfterClose() {
    WeightArena arena = new WeightArena();
    MemorySegment small = arena.allocate(8, 8);
    MemorySegment large = arena.allocate(REGION, 64);
    assertThat(NativeMemory.allocate(arena, REGION / 4).scope()).isEqualTo(arena.scope());
    arena.close();
    for (MemorySegment data : new MemorySegment[] {small, large}) {
      assertThat(data.scope().isAlive()).isFalse();
      assertThatIllegalStateException().isThrownBy(() -> data.get(ValueLayout.JAVA_BYTE, 0));
    }
    for (long bytes : new long[] {0, 8, REGION}) {
      assertThatIllegalStateException().isThrownBy(() -> arena.allocate(bytes, 8));
    }
    assertThatIllegalStateException().isThrownBy(arena::close);
  }
}
