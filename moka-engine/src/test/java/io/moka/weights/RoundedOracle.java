package io.moka.weights;

/**
 * The arithmetic of 8-bit activations as its definition reads ({@code Activations.INT8}), scalar,
 * over the bytes of a packed matrix.
 */
public final class RoundedOracle {
  private static final int COLUMNS = TileLayout.TILE_COLUMNS;

  private RoundedOracle() {}

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
      float max = 0;
      for (int i = 0; i < COLUMNS; i++) {
        max = Math.max(max, Math.abs(x[first + i]));
      }
      float scale = Float.isFinite(max) ? max / 127 : Float.NaN;
      float inverse = max >= 0x1p-121f ? 127 / max : 0;
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
