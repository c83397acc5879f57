package io.moka.kernels.cpu.x86;

import static org.assertj.core.api.Assertions.assertThat;

import io.moka.weights.TileLayout;
import io.moka.weights.WeightFormat;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ReadPatternTest {
  private static CpuFeatures processor(int family) {
    return new CpuFeatures(Set.of(), family, 0x61);
  }

  private static TileLayout layout(WeightFormat format) {
    return format.tiles().orElseThrow();
  }

  /** Families of Intel and of Zen 2. */
  @ParameterizedTest
  @ValueSource(ints = {0x06, 0x17})
  void readsFourPrefetchedStreamsOnMostProcessors(int family) {
    for (int rows = 1; rows <= GroupCode.MAX_ROWS; rows++) {
      ReadPattern four = ReadPattern.FOUR_STREAMS;
      assertThat(ReadPattern.ofInt8(processor(family), layout(WeightFormat.Q8_0), rows))
          .isEqualTo(four);
      assertThat(ReadPattern.ofInt8(processor(family), layout(WeightFormat.Q4_0), rows))
          .isEqualTo(four);
      assertThat(ReadPattern.ofFloats(processor(family), rows)).isEqualTo(four);
    }
  }

  @Test
  void leavesFewRowsToTheOwnPrefetchOfZen4() {
    CpuFeatures zen4 = processor(0x19);
    for (int rows = 1; rows <= GroupCode.MAX_ROWS; rows++) {
      ReadPattern bytes = ReadPattern.ofInt8(zen4, layout(WeightFormat.Q8_0), rows);
      ReadPattern floats = ReadPattern.ofFloats(zen4, rows);
      assertThat(bytes.strips()).isEqualTo(1);
      assertThat(floats.strips()).isEqualTo(4);
      assertThat(bytes.aheadBytes() == 0).as("%d rows", rows).isEqualTo(rows <= 2);
      assertThat(floats.aheadBytes() == 0).as("%d rows", rows).isEqualTo(rows <= 2);
    }
  }

  @Test
  void fetchesSuperBlocksInOneStreamAndSingleTilesInFourOnZen5() {
    CpuFeatures zen5 = processor(0x1A);
    for (int rows = 1; rows <= GroupCode.MAX_ROWS; rows++) {
      for (WeightFormat format : WeightFormat.values()) {
        if (format.tiles().isPresent()) {
          boolean single = format.blockElements() <= 32;
          ReadPattern pattern = ReadPattern.ofInt8(zen5, layout(format), rows);
          assertThat(pattern)
              .as("%s", format)
              .isEqualTo(single ? new ReadPattern(4, 1536) : new ReadPattern(1, 8192));
        }
      }
    }
  }

  @Test
  void fetchesFewRowsOfFloatsALittleAheadOnZen5() {
    CpuFeatures zen5 = processor(0x1A);
    for (int rows = 1; rows <= GroupCode.MAX_ROWS; rows++) {
      ReadPattern floats = ReadPattern.ofFloats(zen5, rows);
      assertThat(floats.strips()).isEqualTo(4);
      assertThat(floats.aheadBytes()).as("%d rows", rows).isEqualTo(rows <= 2 ? 1536 : 3072);
    }
  }

  @Test
  void prefetchesAtLeastOneBlockOrNone() {
    assertThat(new ReadPattern(1, 0).blocksAhead(576)).isZero();
    assertThat(new ReadPattern(4, 3072).blocksAhead(576)).isEqualTo(5);
    assertThat(new ReadPattern(4, 3072).blocksAhead(4608)).isEqualTo(1);
  }
}
