package io.moka.kernels;

import static io.moka.kernels.TestRows.assertSameBits;
import static io.moka.kernels.TestRows.assertWithin;
import static io.moka.kernels.TestSequence.LAYER;
import static org.assertj.core.api.Assertions.assertThat;

import io.moka.kernels.reference.ReferenceKernels;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Keys and values into the cache, and attention over it. */
interface AttentionContract extends KernelsUnderTest {
  /** Both sides of the borders of blocks of 16 and of spans of 512, up to 1,100 positions. */
  int[] POSITIONS = {
    0, 1, 2, 14, 15, 16, 17, 31, 32, 100, 511, 512, 513, 527, 528, 1023, 1024, 1025, 1099
  };

  int LENGTH = 1_100;

  /** Numbers that rounding has to treat with care, the last three of them not finite. */
  float[] CRITICAL = {
    65504f,
    65519f,
    65520f,
    -1e6f,
    1e38f,
    Float.MAX_VALUE,
    0x1p-24f,
    0x1p-25f,
    0x1.8p-25f,
    0x1.002p0f,
    0x1.006p0f,
    0x1.01p0f,
    0x1.03p0f,
    -0f,
    1e-42f,
    Float.POSITIVE_INFINITY,
    Float.NEGATIVE_INFINITY,
    Float.NaN
  };

  @Test
  default void storesWhatTheReferenceStores() {
    for (KvType type : KvType.values()) {
      for (int headDim : new int[] {2, 14, 16, 20, 64}) {
        AttentionShape shape = new AttentionShape(3, 3, headDim, Integer.MAX_VALUE);
        Dice dice = new Dice("store %s, head width %d".formatted(type, headDim));
        try (Arena arena = Arena.ofShared()) {
          TestSequence sequence = TestSequence.random(arena, shape, 50, 0, dice);
          for (int i = 0; i < CRITICAL.length; i++) {
            sequence.keys().set(i, i % (3 * headDim), CRITICAL[i]);
            sequence.values().set(20 + i, i % (3 * headDim), CRITICAL[i]);
          }
          try (KvCache expected = sequence.newCache(type)) {
            sequence.store(new ReferenceKernels(), arena, expected, 0, 50);
            withEach(kernels -> {
              try (KvCache cache = sequence.newCache(type)) {
                sequence.store(kernels, arena, cache, 0, 33);
                sequence.store(kernels, arena, cache, 33, 34);
                sequence.store(kernels, arena, cache, 34, 50);
                for (int layer = 0; layer <= LAYER; layer++) {
                  assertThat(cache.layer(layer).mismatch(expected.layer(layer)))
                      .as("%s: first byte of layer %d that differs", dice, layer)
                      .isEqualTo(-1);
                }
              }
            });
          }
        }
      }
    }
  }

  /** Compares attention at some positions of a sequence of {@link #LENGTH}. */
  default void checkAttention(KvType type, AttentionShape shape, int... positions) {
    Dice dice = new Dice("attention %s, %s".formatted(type, shape));
    try (Arena arena = Arena.ofShared()) {
      int length = Arrays.stream(positions).max().orElseThrow() + 1;
      TestSequence sequence = TestSequence.random(arena, shape, length, 0, dice);
      Rows queries =
          TestRows.random(arena, positions.length, shape.heads() * shape.headDim(), dice);
      try (KvCache cache = sequence.newCache(type)) {
        Kernels reference = new ReferenceKernels();
        sequence.store(reference, arena, cache, 0, length);
        Rows expected = sequence.attend(reference, arena, cache, queries, positions);
        AttentionBound bound = new AttentionBound(sequence, cache, queries, positions);
        withEach(kernels ->
            assertWithin(
                sequence.attend(kernels, arena, cache, queries, positions),
                expected,
                positions.length,
                bound::at,
                dice));
      }
    }
  }

  @Test
  default void attendsCloseToTheReference() {
    for (KvType type : KvType.values()) {
      for (int group : new int[] {1, 2, 3, 8}) {
        checkAttention(type, new AttentionShape(2 * group, 2, 16, Integer.MAX_VALUE), POSITIONS);
      }
    }
  }

  @Test
  default void attendsWithinAWindow() {
    for (int window : new int[] {1, 2, 16, 24, 100, 512, 513, 600, 5_000}) {
      checkAttention(KvType.F16, new AttentionShape(4, 2, 16, window), POSITIONS);
      checkAttention(KvType.BF16, new AttentionShape(3, 1, 16, window), POSITIONS);
    }
  }

  @Test
  default void attendsWithHeadsOfAnyEvenWidth() {
    for (int headDim : new int[] {2, 4, 14, 18, 48, 64, 80, 128}) {
      for (KvType type : KvType.values()) {
        checkAttention(
            type, new AttentionShape(6, 2, headDim, Integer.MAX_VALUE), 0, 5, 15, 16, 40, 530);
      }
    }
  }

  @Test
  default void attendsWithManyQueryHeadsToOneKey() {
    for (int group : new int[] {4, 5, 7, 9, 12, 16, 17}) {
      checkAttention(
          KvType.F16, new AttentionShape(group, 1, 16, Integer.MAX_VALUE), 0, 15, 16, 40, 530);
    }
  }

  @Test
  default void attendsWhereOnePositionOutweighsAllOthers() {
    Dice dice = new Dice("attention with scores of hundreds");
    AttentionShape shape = new AttentionShape(2, 1, 16, Integer.MAX_VALUE);
    try (Arena arena = Arena.ofShared()) {
      TestSequence sequence = TestSequence.random(arena, shape, LENGTH, 0, dice);
      int[] positions = {3, 40, 700, 1_099};
      Rows queries = TestRows.random(arena, positions.length, 32, dice);
      for (int row = 0; row < positions.length; row++) {
        for (int i = 0; i < 32; i++) {
          queries.set(row, i, 40 * queries.get(row, i));
        }
      }
      try (KvCache cache = sequence.newCache(KvType.F32)) {
        sequence.store(new ReferenceKernels(), arena, cache, 0, LENGTH);
        Rows expected = sequence.attend(new ReferenceKernels(), arena, cache, queries, positions);
        AttentionBound bound = new AttentionBound(sequence, cache, queries, positions);
        withEach(kernels ->
            assertWithin(
                sequence.attend(kernels, arena, cache, queries, positions),
                expected,
                positions.length,
                bound::at,
                dice));
      }
    }
  }

  @Test
  default void attentionIsTheSameHoweverThePromptIsCut() {
    Dice dice = new Dice("attention in chunks");
    AttentionShape shape = new AttentionShape(2, 1, 16, Integer.MAX_VALUE);
    int length = 560;
    try (Arena arena = Arena.ofShared()) {
      TestSequence sequence = TestSequence.random(arena, shape, length, 0, dice);
      Rows queries = TestRows.random(arena, length, 32, dice);
      Rows[] whole = new Rows[1];
      withEach(kernels -> {
        for (int chunk : new int[] {length, 1, 7, 16, 100, 512}) {
          Rows out = inChunks(kernels, arena, sequence, queries, chunk);
          if (whole[0] == null) {
            whole[0] = out;
          }
          assertSameBits(out, whole[0], length, dice + ", chunks of " + chunk);
        }
      });
    }
  }

  /** Of one size in bytes, so that nothing but the type tells them apart. */
  @Test
  default void cachesOfTwoTypesMayTakeTurns() {
    Dice dice = new Dice("attention over two caches in turn");
    AttentionShape two = new AttentionShape(2, 2, 16, Integer.MAX_VALUE);
    AttentionShape one = new AttentionShape(2, 1, 16, Integer.MAX_VALUE);
    try (Arena arena = Arena.ofShared()) {
      TestSequence halves = TestSequence.random(arena, two, 40, 0, dice);
      TestSequence floats = TestSequence.random(arena, one, 40, 0, dice);
      Rows queries = TestRows.random(arena, 1, 32, dice);
      try (KvCache first = halves.newCache(KvType.F16);
          KvCache second = floats.newCache(KvType.F32)) {
        assertThat(first.blockBytes()).isEqualTo(second.blockBytes());
        Kernels reference = new ReferenceKernels();
        halves.store(reference, arena, first, 0, 40);
        floats.store(reference, arena, second, 0, 40);
        withEach(kernels -> {
          Rows alone = floats.attend(kernels, arena, second, queries, 37);
          Rows other = halves.attend(kernels, arena, first, queries, 37);
          assertSameBits(floats.attend(kernels, arena, second, queries, 37), alone, 1, dice);
          assertSameBits(halves.attend(kernels, arena, first, queries, 37), other, 1, dice);
        });
      }
    }
  }

  /** Few rows of long texts are cut by spans where there are more threads than heads. */
  @Test
  default void attentionIsTheSameOnAnyNumberOfThreads() {
    for (AttentionShape shape :
        List.of(
            new AttentionShape(8, 1, 16, Integer.MAX_VALUE),
            new AttentionShape(34, 2, 16, Integer.MAX_VALUE),
            new AttentionShape(4, 1, 18, 700))) {
      Dice dice = new Dice("attention on many threads, %s".formatted(shape));
      try (Arena arena = Arena.ofShared()) {
        // with eight heads and one key/value head more spans than two threads take in a wave
        int length = shape.group() == 8 ? 17_500 : 1_700;
        TestSequence sequence = TestSequence.random(arena, shape, length, 0, dice);
        int[] positions = {length - 1, 3, 1_024, 1_535, 700};
        Rows queries =
            TestRows.random(arena, positions.length, shape.heads() * shape.headDim(), dice);
        try (KvCache cache = sequence.newCache(KvType.F16)) {
          sequence.store(new ReferenceKernels(), arena, cache, 0, sequence.length());
          for (int rows = 1; rows <= positions.length; rows++) {
            int[] some = Arrays.copyOf(positions, rows);
            Rows[] alone = new Rows[1];
            for (int threads : new int[] {1, 2, 5, 16}) {
              try (Kernels kernels = open(threads)) {
                Rows out = sequence.attend(kernels, arena, cache, queries, some);
                alone[0] = alone[0] == null ? out : alone[0];
                assertSameBits(out, alone[0], rows, "%s, %d threads".formatted(dice, threads));
              }
            }
          }
        }
      }
    }
  }

  /** Stores a chunk, then attends from it, as a prompt is prefilled; returns all rows. */
  private static Rows inChunks(
      Kernels kernels, Arena arena, TestSequence sequence, Rows queries, int chunk) {
    Rows all = TestRows.guarded(arena, sequence.length(), queries.columns());
    try (KvCache cache = sequence.newCache(KvType.F16);
        Arena own = Arena.ofShared()) {
      for (int from = 0; from < sequence.length(); from += chunk) {
        int first = from;
        int[] positions = new int[Math.min(chunk, sequence.length() - from)];
        Arrays.setAll(positions, i -> first + i);
        sequence.store(kernels, own, cache, from, from + positions.length);
        Rows some =
            sequence.attend(kernels, own, cache, TestRows.pick(own, queries, positions), positions);
        for (int row = 0; row < positions.length; row++) {
          for (int i = 0; i < queries.columns(); i++) {
            all.set(from + row, i, some.get(row, i));
          }
        }
      }
    }
    return all;
  }

  @Test
  default void attentionDoesNotReadWhatARowDoesNotSee() {
    Dice dice = new Dice("attention beside NaN");
    for (KvType type : KvType.values()) {
      AttentionShape shape = new AttentionShape(4, 2, 16, 24);
      try (Arena arena = Arena.ofShared()) {
        TestSequence clean = TestSequence.random(arena, shape, 700, 0, dice);
        TestSequence spoilt =
            new TestSequence(
                shape, nans(arena, 700, 32), nans(arena, 700, 32), 700, clean.blocks());
        Rows query = TestRows.random(arena, 1, 64, dice);
        withEach(kernels -> {
          for (int position : new int[] {0, 10, 15, 16, 40, 511, 512, 520, 666}) {
            try (KvCache alone = clean.newCache(type);
                KvCache beside = clean.newCache(type)) {
              int first = Math.max(0, position - 23);
              clean.store(kernels, arena, alone, first, position + 1);
              spoilt.store(kernels, arena, beside, 0, 700);
              clean.store(kernels, arena, beside, first, position + 1);
              assertSameBits(
                  clean.attend(kernels, arena, beside, query, position),
                  clean.attend(kernels, arena, alone, query, position),
                  1,
                  dice + ", " + type + ", position " + position);
            }
          }
        });
      }
    }
  }

  private static Rows nans(Arena arena, int rows, int columns) {
    return TestRows.guarded(arena, rows, columns);
  }

  @Test
  default void attentionDependsOnItsRowAlone() {
    for (KvType type : KvType.values()) {
      Dice dice = new Dice("attention alone and together, " + type);
      AttentionShape shape = new AttentionShape(2, 1, 16, 600);
      try (Arena arena = Arena.ofShared();
          KvCache cache = TestSequence.cache(type, shape, 80)) {
        TestSequence[] sequences = {
          TestSequence.random(arena, shape, 640, 0, dice),
          TestSequence.random(arena, shape, 640, 40, dice)
        };
        for (TestSequence sequence : sequences) {
          sequence.store(new ReferenceKernels(), arena, cache, 0, 640);
        }
        Rows queries = TestRows.random(arena, Independence.SOURCE_ROWS, 32, dice);
        int[] positions = new int[Independence.SOURCE_ROWS];
        Arrays.setAll(positions, row -> row % 4 == 0 ? 500 + dice.below(140) : dice.below(100));
        Independence.check(
            this,
            dice,
            (kernels, own, picks) -> {
              Rows out = TestRows.guarded(own, picks.length, 32);
              SlotMap slots =
                  TestSequence.slots(
                      Arrays.stream(picks).map(row -> positions[row]).toArray(),
                      row -> sequences[picks[row] % 2]);
              kernels.attention(
                  TestRows.pick(own, queries, picks),
                  cache,
                  LAYER,
                  slots,
                  shape,
                  picks.length,
                  out);
              return out;
            });
      }
    }
  }

  /** Rows of a piece share what they read: two sequences, each once up and once down. */
  @Test
  default void neighbouringRowsGetTheBitsOfEachAlone() {
    for (KvType type : KvType.values()) {
      for (int window : new int[] {24, 513, Integer.MAX_VALUE}) {
        Dice dice = new Dice("neighbouring rows, %s, window %d".formatted(type, window));
        AttentionShape shape = new AttentionShape(4, 2, 16, window);
        try (Arena arena = Arena.ofShared();
            KvCache cache = TestSequence.cache(type, shape, 90)) {
          TestSequence[] sequences = {
            TestSequence.random(arena, shape, 700, 0, dice),
            TestSequence.random(arena, shape, 700, 45, dice)
          };
          int[] positions = new int[100];
          Arrays.setAll(positions, row -> row < 30 ? 600 - row : row < 70 ? 480 + row : 560 - row);
          Kernels reference = new ReferenceKernels();
          for (TestSequence sequence : sequences) {
            // what no row sees
            new TestSequence(
                    shape, nans(arena, 700, 32), nans(arena, 700, 32), 700, sequence.blocks())
                .store(reference, arena, cache, 0, 700);
            sequence.store(reference, arena, cache, Math.max(0, 461 - window), 601);
          }
          Rows queries = TestRows.random(arena, positions.length, 64, dice);
          withEach(kernels -> {
            Rows together = TestRows.guarded(arena, positions.length, 64);
            SlotMap slots = TestSequence.slots(positions, row -> sequences[row < 50 ? 0 : 1]);
            kernels.attention(queries, cache, LAYER, slots, shape, positions.length, together);
            for (int row = 0; row < positions.length; row++) {
              assertSameBits(
                  TestRows.pick(arena, together, row),
                  sequences[row < 50 ? 0 : 1].attend(
                      kernels, arena, cache, TestRows.pick(arena, queries, row), positions[row]),
                  1,
                  dice + ", row " + row);
            }
          });
        }
      }
    }
  }
}
