package io.moka.bench;

import static org.assertj.core.api.Assertions.assertThat;

import io.moka.kernels.Activations;
import io.moka.kernels.KernelChoice;
import io.moka.kernels.KvType;
import io.moka.weights.WeightFormat;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The benchmarks run, check themselves, and count their work rightly. */
class KernelBenchmarksTest {
  @ParameterizedTest
  @EnumSource(names = {"BF16", "Q4_K"})
  void matmulChecksItsResult(WeightFormat format) {
    MatmulBenchmark benchmark = new MatmulBenchmark();
    benchmark.format = format;
    benchmark.kernels = KernelChoice.AUTO;
    benchmark.activations = Activations.AUTO;
    benchmark.rows = 2;
    benchmark.setUp();
    benchmark.matmul();
    benchmark.tearDown();
  }

  @Test
  void attentionChecksItsResult() {
    AttentionBenchmark benchmark = new AttentionBenchmark();
    benchmark.kernels = KernelChoice.AUTO;
    benchmark.type = KvType.F16;
    benchmark.rows = 3;
    benchmark.context = 40;
    benchmark.setUp();
    benchmark.attention();
    benchmark.tearDown();
  }

  @Test
  void eachCallTakesDistinctExperts() {
    for (int rows : new int[] {1, 3, 16, 20}) {
      int[] taken =
          IntStream.iterate(5, expert -> (expert + MoeBenchmark.STEP) % MoeBenchmark.EXPERTS)
              .limit((long) rows * MoeBenchmark.TOP_K)
              .distinct()
              .toArray();
      assertThat(taken).hasSize(MoeBenchmark.activeExperts(rows));
    }
  }

  @Test
  void workIsThatOfTheShapes() {
    assertThat(Work.matmul(WeightFormat.BF16, 3))
        .isEqualTo(new Work(4096.0 * 2048 * 2, 2.0 * 3 * 4096 * 2048));
    assertThat(Work.moe(WeightFormat.Q4_0, 1).bytes()).isEqualTo(8 * 3 * 768 * 2048 / 32.0 * 18);
    // 2 rows that see 31 and 32 positions: scores and values of 32 heads of 128
    assertThat(Work.attention(KvType.F16, 2, 32))
        .isEqualTo(new Work(32.0 * 2 * 4 * 128 * 2, 63.0 * 2 * 2 * 32 * 128));
  }
}
