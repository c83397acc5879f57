package io.moka.kernels.cpu.x86;

import io.moka.kernels.cpu.GroupProducts;
import io.moka.kernels.cpu.x86.Assembler.Alu;
import io.moka.kernels.cpu.x86.Assembler.Condition;
import io.moka.kernels.cpu.x86.Assembler.Label;
import io.moka.weights.TileLayout;
import java.util.Arrays;

/**
 * The product of {@link Int8TileCode} with any number of rows, in AVX-512 with byte dot products.
 * Two strips are multiplied at once, so that an activation is loaded once for two dot products:
 * with an operand in memory for each, a core is as busy loading as multiplying. The codes of both
 * strips take half of the registers, and the sums lie in the frame ({@link FrameSums}).
 *
 * <pre>
 * void product(weights, stripBytes, panel, next, blocks, out, groups, turns, rest)
 *   turns       rows / 4, at least 1
 *   rest        rows % 4
 * </pre>
 */
final class Int8ManyRowsCode extends Int8TileCode {
  /** Rows of a turn of the loop over rows. */
  static final int ROWS_AT_ONCE = 4;

  /** Strips that are read at once. */
  static final int STRIPS_AT_ONCE = 2;

  private static final int ROW_BYTES = STRIPS_AT_ONCE * VECTOR_BYTES;
  private static final int PANEL_BIAS = 0;

  private static final Mem TURNS_ARGUMENT = Frame.argument(1);
  private static final Mem REST_ARGUMENT = Frame.argument(2);

  private static final Gp TURNS = Gp.R9;
  private static final Gp REST = Gp.R15;

  /** The first of the rows of a turn: its record, and its sums in the frame. */
  private static final Gp ROW = Gp.RCX;

  private static final Gp SUM = Gp.R13;
  private static final Gp LEFT = Gp.R14;

  private static final Vec SPARE = Vec.zmm(27);

  private final Vec[] codes = Vec.range(0, STRIPS_AT_ONCE * CodePlanes.QUADS, 512);
  private final Vec[] dots = Vec.range(16, STRIPS_AT_ONCE * ROWS_AT_ONCE, 512);

  /** Take turns in holding what belongs to a row. */
  private final Vec[] inputs = Vec.range(24, ROWS_AT_ONCE, 512);

  private final Vec[] scale = Vec.range(28, STRIPS_AT_ONCE, 512);
  private final Vec[] offset = Vec.range(30, STRIPS_AT_ONCE, 512);
  private final CodePlanes planes;
  private final FrameSums frameSums;

  /** Of rows and sums the superclass knows those of a turn: so it takes two strips at once. */
  private Int8ManyRowsCode(Assembler assembler, TileLayout layout) {
    super(
        assembler,
        layout,
        ROWS_AT_ONCE,
        STRIPS_AT_ONCE * ROWS_AT_ONCE,
        ReadPattern.TWO_STREAMS,
        PANEL_BIAS,
        Vec.zmm(26));
    planes = new CodePlanes(assembler, layout, SPARE, dots);
    frameSums = new FrameSums(assembler, SUM, LEFT, this::loadRows, ROW_BYTES, inputs[0]);
  }

  /** Writes the function. */
  static void emit(Assembler assembler, TileLayout layout) {
    new Int8ManyRowsCode(assembler, layout).function();
  }

  @Override
  int moreRoomBytes() {
    return GroupProducts.MAX_ROWS * ROW_BYTES;
  }

  @Override
  void prepare() {
    assembler.load(TURNS, TURNS_ARGUMENT);
    assembler.load(REST, REST_ARGUMENT);
  }

  @Override
  void clearSums() {
    frameSums.clear();
  }

  @Override
  void storeSums() {
    loadOut(TEMPORARY, AHEAD);
    frameSums.store(TEMPORARY, AHEAD);
  }

  private void loadRows() {
    assembler.move(LEFT, TURNS);
    assembler.shiftLeft(LEFT, Integer.numberOfTrailingZeros(ROWS_AT_ONCE));
    assembler.alu(Alu.ADD, LEFT, REST);
  }

  /** Both tiles at once. */
  @Override
  void tiles() {
    // its register is needed for the rows of the tile before
    planes.prepare();
    for (int s = 0; s < strips; s++) {
      tile(s);
    }
    for (int sub = 0; sub < layout.subBlocks(); sub++) {
      for (int s = 0; s < strips; s++) {
        Mem tile = Mem.at(STRIP[s], -layout.tileBytes());
        scales.load(tile, room(s), sub, scale[s], offset[s]);
      }
      rows(sub);
    }
    // the loop over the rows has come to those of the next tiles
    assembler.move(PANEL, ROW);
  }

  /** Its codes alone; the rows follow when those of both strips are there. */
  @Override
  void tile(int strip, Mem tile) {
    int first = strip * CodePlanes.QUADS;
    planes.unpack(tile, Arrays.copyOfRange(codes, first, first + CodePlanes.QUADS));
  }

  /** All rows with the codes of a sub-block. */
  private void rows(int sub) {
    assembler.move(ROW, PANEL);
    assembler.address(SUM, moreRoom());
    assembler.move(LEFT, TURNS);
    Label turn = assembler.here();
    rows(sub, ROWS_AT_ONCE);
    assembler.alu(Alu.ADD, SUM, ROWS_AT_ONCE * ROW_BYTES);
    assembler.alu(Alu.SUB, LEFT, 1);
    assembler.jump(Condition.NOT_EQUAL, turn);
    Label end = new Label();
    assembler.alu(Alu.CMP, REST, 0);
    assembler.jump(Condition.EQUAL, end);
    for (int rest = 1; rest < ROWS_AT_ONCE - 1; rest++) {
      Label more = new Label();
      assembler.alu(Alu.CMP, REST, rest);
      assembler.jump(Condition.NOT_EQUAL, more);
      rows(sub, rest);
      assembler.jump(end);
      assembler.bind(more);
    }
    rows(sub, ROWS_AT_ONCE - 1);
    assembler.bind(end);
  }

  /** A few rows, and on. */
  private void rows(int sub, int count) {
    int sums = ActivationRecord.SUMS + 4 * sub;
    boolean hasOffset = layout.scales().hasOffset();
    for (int row = 0; row < count; row++) {
      for (int s = 0; s < strips; s++) {
        Vec dot = dot(row, s);
        if (hasOffset) {
          assembler.emit(Op.VPXORD, dot, dot, dot);
        } else {
          assembler.emit(Op.VPBROADCASTD, dot, record(row, sums));
        }
      }
    }
    int quads = CodePlanes.QUADS / layout.subBlocks();
    for (int quad = sub * quads; quad < (sub + 1) * quads; quad++) {
      for (int row = 0; row < count; row++) {
        assembler.emit(Op.VPBROADCASTD, inputs[row], record(row, 4 * quad));
        for (int s = 0; s < strips; s++) {
          Vec code = codes[s * CodePlanes.QUADS + quad];
          assembler.emit(Op.VPDPBUSD, dot(row, s), code, inputs[row]);
        }
      }
    }
    for (int row = 0; row < count; row++) {
      for (int s = 0; s < strips; s++) {
        Vec dot = dot(row, s);
        Vec factor = inputs[(row * strips + s) % inputs.length];
        Mem sum = Mem.at(SUM, row * ROW_BYTES + s * VECTOR_BYTES);
        assembler.emit(Op.VCVTDQ2PS, dot, dot);
        assembler.emit(
            Op.VMULPS, factor, scale[s], record(row, ActivationRecord.SCALE).toAllLanes());
        assembler.emit(Op.VFMADD213PS, dot, factor, sum);
        if (hasOffset) {
          assembler.emit(Op.VFMADD231PS, dot, offset[s], record(row, sums).toAllLanes());
        }
        assembler.emit(Op.VMOVUPS_STORE, sum, dot);
      }
    }
    assembler.alu(Alu.ADD, ROW, count * rec.bytes());
  }

  private Vec dot(int row, int strip) {
    return dots[row * strips + strip];
  }

  private Mem record(int row, int offset) {
    return Mem.at(ROW, row * rec.bytes() + offset);
  }
}
