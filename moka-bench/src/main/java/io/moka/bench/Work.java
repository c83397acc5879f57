package io.moka.bench;

import io.moka.kernels.KvCache;
import io.moka.kernels.KvType;
import io.moka.weights.JoinedMatrix;
import io.moka.weights.PackedMatrix;
import io.moka.weights.WeightFormat;
import org.openjdk.jmh.infra.BenchmarkParams;

/**
 * What a call of a benchmark reads and computes.
 *
 * @param bytes of weights, or of keys and values, each counted once
 * @param flops two for each multiplication
 */
record Work(double bytes, double flops) {
  /** By the benchmark's name and parameters. */
  static Work of(BenchmarkParams params) {
    String name = params.getBenchmark().substring(params.getBenchmark().lastIndexOf('.') + 1);
    int rows = Integer.parseInt(params.getParam("rows"));
    return switch (name) {
      case "matmul" -> matmul(WeightFormat.valueOf(params.getParam("format")), rows);
      case "moe" -> moe(WeightFormat.valueOf(params.getParam("format")), rows);
      case "attention" ->
          attention(
              KvType.valueOf(params.getParam("type")),
              rows,
              Integer.parseInt(params.getParam("context")));
      default -> throw new IllegalArgumentException("no work is known for " + name);
    };
  }

  static Work matmul(WeightFormat format, int rows) {
    double bytes = PackedMatrix.bytes(format, MatmulBenchmark.OUTPUTS, MatmulBenchmark.COLUMNS);
    return new Work(bytes, 2.0 * rows * MatmulBenchmark.OUTPUTS * MatmulBenchmark.COLUMNS);
  }

  static Work moe(WeightFormat format, int rows) {
    double gateUp =
        PackedMatrix.bytes(
            format, JoinedMatrix.joinedRows(MoeBenchmark.WIDTH), MoeBenchmark.HIDDEN);
    double down = PackedMatrix.bytes(format, MoeBenchmark.HIDDEN, MoeBenchmark.WIDTH);
    double flops = 2.0 * rows * MoeBenchmark.TOP_K * 3 * MoeBenchmark.HIDDEN * MoeBenchmark.WIDTH;
    return new Work(MoeBenchmark.activeExperts(rows) * (gateUp + down), flops);
  }

  static Work attention(KvType type, int rows, int context) {
    double positions = 0;
    for (int row = 0; row < rows; row++) {
      positions += context - rows + row + 1;
    }
    double perPosition =
        4.0 * AttentionBenchmark.SHAPE.heads() * AttentionBenchmark.SHAPE.headDim();
    double blockBytes =
        KvCache.blockBytes(
            type, AttentionBenchmark.SHAPE.kvHeads(), AttentionBenchmark.SHAPE.headDim());
    return new Work(
        Math.ceilDiv(context, KvCache.BLOCK_TOKENS) * blockBytes, positions * perPosition);
  }
}
