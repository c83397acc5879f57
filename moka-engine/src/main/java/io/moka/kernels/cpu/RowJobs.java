package io.moka.kernels.cpu;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import io.moka.kernels.Rows;
import io.moka.weights.Activation;
import io.moka.weights.RowDecoder;
import io.moka.weights.Tensor;
import io.moka.weights.WeightFormat;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/** The operations that take one row at a time; a piece is one row. */
final class RowJobs {
  private final WorkerPool pool;
  private final EmbedJob embed;
  private final NormJob norm;
  private final AddJob add = new AddJob();
  private final RotateJob rotate = new RotateJob();
  private final GateJob gate = new GateJob();

  RowJobs(WorkerPool pool, Scratch[] scratch) {
    this.pool = pool;
    this.embed = new EmbedJob(pool.threads());
    this.norm = new NormJob(scratch);
  }

  void embed(Tensor table, int[] ids, int rows, Rows out) {
    embed.data = table.data();
    embed.format = table.format();
    embed.ids = ids;
    embed.out = out;
    pool.run(rows, embed);
  }

  void rmsNorm(Rows x, MemorySegment weight, float epsilon, int rows, int heads, Rows out) {
    norm.x = x;
    norm.weight = weight;
    norm.epsilon = epsilon;
    norm.heads = heads;
    norm.out = out;
    pool.run(rows, norm);
  }

  void add(Rows x, Rows y, int rows) {
    add.x = x;
    add.y = y;
    add.scale = null;
    pool.run(rows, add);
  }

  void addScaled(Rows x, float[] scale, int rows, Rows out) {
    add.x = out;
    add.y = x;
    add.scale = scale;
    pool.run(rows, add);
  }

  void rotate(Rows x, Rows angles, int rows, int heads) {
    rotate.x = x;
    rotate.angles = angles;
    rotate.heads = heads;
    pool.run(rows, rotate);
  }

  void gate(Activation activation, Rows gateRows, Rows up, int rows) {
    gate.activation = activation;
    gate.gate = gateRows;
    gate.up = up;
    pool.run(rows, gate);
  }

  private static final class EmbedJob implements WorkerPool.Job {
    MemorySegment data;
    WeightFormat format;
    int[] ids;
    Rows out;
    private final RowDecoder[] decoders;
    private final float[][] values;

    EmbedJob(int threads) {
      decoders = new RowDecoder[threads];
      Arrays.setAll(decoders, i -> new RowDecoder());
      values = new float[threads][0];
    }

    @Override
    public void run(int row, int worker) {
      int columns = out.columns();
      if (values[worker].length < columns) {
        values[worker] = new float[columns];
      }
      long from = format.bytes((long) ids[row] * columns);
      decoders[worker].decode(format, data, from, columns, values[worker]);
      MemorySegment.copy(values[worker], 0, out.data(), JAVA_FLOAT, out.offsetBytes(row), columns);
    }
  }

  private static final class NormJob implements WorkerPool.Job {
    Rows x;
    MemorySegment weight;
    float epsilon;
    int heads;
    Rows out;
    private final Scratch[] scratch;

    NormJob(Scratch[] scratch) {
      this.scratch = scratch;
    }

    @Override
    public void run(int row, int worker) {
      int width = x.columns() / heads;
      for (int head = 0; head < heads; head++) {
        long at = (long) head * width * Float.BYTES;
        long from = x.offsetBytes(row) + at;
        float mean = RowMath.sumOfSquares(x.data(), from, width, scratch[worker].partial()) / width;
        float scale = (float) (1 / Math.sqrt(mean + epsilon));
        RowMath.scaleBy(
            scale, x.data(), from, weight, out.data(), out.offsetBytes(row) + at, width);
      }
    }
  }

  private static final class AddJob implements WorkerPool.Job {
    Rows x;
    Rows y;
    float[] scale;

    @Override
    public void run(int row, int worker) {
      long from = y.offsetBytes(row);
      long to = x.offsetBytes(row);
      if (scale == null) {
        RowMath.add(y.data(), from, x.data(), to, x.columns());
      } else {
        RowMath.addScaled(scale[row], y.data(), from, x.data(), to, x.columns());
      }
    }
  }

  private static final class RotateJob implements WorkerPool.Job {
    Rows x;
    Rows angles;
    int heads;

    @Override
    public void run(int row, int worker) {
      int headDim = angles.columns();
      for (int head = 0; head < heads; head++) {
        long at = x.offsetBytes(row) + (long) head * headDim * Float.BYTES;
        RowMath.rotate(x.data(), at, angles.data(), angles.offsetBytes(row), headDim / 2);
      }
    }
  }

  private static final class GateJob implements WorkerPool.Job {
    Activation activation;
    Rows gate;
    Rows up;

    @Override
    public void run(int row, int worker) {
      long at = gate.offsetBytes(row);
      RowMath.gate(
          activation,
          gate.data(),
          at,
          up.data(),
          up.offsetBytes(row),
          gate.data(),
          at,
          gate.columns());
    }
  }
}
