package io.moka.kernels.cpu.x86;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The shapes of tiles, in order of their numbers; those left out cannot be used. In memory (Intel's
 * manual, volume 1, section 18.3):
 *
 * <pre>
 * byte 0          1
 * bytes 16 to 31  bytes of a row, 16 bits for each tile
 * bytes 48 to 55  rows, 8 bits for each tile
 * </pre>
 */
final class TileShapes {
  /** Bytes in memory. */
  static final int BYTES = 64;

  private static final int PALETTE = 1;

  private record Shape(int rows, int rowBytes) {}

  private final List<Shape> shapes = new ArrayList<>();

  /** The next tile; up to 16 rows of up to 64 bytes. */
  Tile add(int rows, int rowBytes) {
    if (rows < 1 || rows > 16 || rowBytes < 4 || rowBytes > 64 || rowBytes % 4 != 0) {
      throw new IllegalArgumentException("no tile has " + rows + " rows of " + rowBytes + " bytes");
    }
    shapes.add(new Shape(rows, rowBytes));
    return new Tile(shapes.size() - 1);
  }

  /** Writes the code that brings the shapes to memory and from there into force. */
  void configure(Assembler assembler, Mem memory) {
    byte[] bytes = new byte[BYTES];
    bytes[0] = PALETTE;
    for (int i = 0; i < shapes.size(); i++) {
      bytes[16 + 2 * i] = (byte) shapes.get(i).rowBytes();
      bytes[48 + i] = (byte) shapes.get(i).rows();
    }
    for (int at = 0; at < BYTES; at += 16) {
      Vec part = Vec.xmm(0);
      Constant words = Constant.table(Arrays.copyOfRange(bytes, at, at + 16));
      assembler.emit(Op.VMOVDQU32, part, words);
      assembler.emit(Op.VMOVDQU32_STORE, memory.plus(at), part);
    }
    assembler.configureTiles(memory);
  }
}
