package io.moka.weights;

/**
 * The arithmetic of 8-bit activations as its definition reads ({@code Activations.INT8} and {@code
 * INT8X2}), scalar, over the bytes of a packed matrix.
 */
public final class RoundedOracle {
  private static final int COLUMNS = TileLayout.TILE_COLUMNS;

  private RoundedOracle() {}

  /** One output of {@code Activations.INT8X2}. */
  public static float dotInTwoParts(PackedMatrix matrix, int output, float[] x) {
    return dot(matrix, output, x) + dot(matrix, output, rest(x));
  }

  /** What rounding to 8 bits leaves. */
  private static float[] rest(float[] x) {
    float[] rest = new float[x.length];
    for (int i = 0; i < x.length; i++) {
      float max = largest(x, i / COLUMNS * COLUMNS);
      float a = (float) Math.rint(x[i] * inverse(max));
      rest[i] = Math.fma(-scale(max), a, x[i]);
    }
    return rest;
  }

  private static float largest(float[] x, int first) {
    float max = 0;
    for (int i = 0; i < COLUMNS; i++) {
      max = Math.max(max, Math.abs(x[first + i]));
    }
    return max;
  }

  private static float scale(float max) {
    return Float.isFinite(max) ? max / 127 : Float.NaN;
  }

  private static float inverse(float max) {
    return max >= 0x1p-121f ? 127 / max : 0;
  }

  /** One output: row {@code output} of the matrix times the rounded x. */
  public static float dot(PackedMatrix matrix, int output, float[] x) {
    TileLayout layout = matrix.format().tiles().orElseThrow();
    TileLane lane = new TileLane();
    float sum = 0;
    for (int first = 0; first < x.length; first += COLUMNS) {
      int step = matrix.format().blockElements();
      long strip = output / PackedMatrix.STRIP_ROWS * matrix.stripBytes();
      long block = strip + (long) (first / step) * layout.blockBytes();
      PackedLanes.read(layout, matrix.data(), block, output % PackedMatrix.STRIP_ROWS, lane);
      float max = largest(x, first);
      float scale = scale(max);
      float inverse = inverse(max);
      int tile = first % step / COLUMNS;
      for (int sub = 0; sub < layout.subBlocks(); sub++) {
        int integer = 0;
        int activations = 0;
        for (int i = sub * layout.subColumns(); i < (sub + 1) * layout.subColumns(); i++) {
          int a = (int) Math.rint(x[first + i] * inverse);
          integer += lane.code(layout, first % step + i) * a;
          activations += a;
        }
        sum = Math.fma((float) integer, lane.scale(layout, tile, sub) * scale, sum);
        if (layout.scales().hasOffset()) {
          sum = Math.fma(lane.offset(layout, tile, sub), scale * activations, sum);
        }
      }
    }
    return sum;
  }
}
