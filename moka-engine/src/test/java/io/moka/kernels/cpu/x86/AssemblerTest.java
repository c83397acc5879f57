package io.moka.kernels.cpu.x86;

import static io.moka.kernels.cpu.x86.Vec.ymm;
import static io.moka.kernels.cpu.x86.Vec.zmm;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.moka.kernels.cpu.x86.Assembler.Condition;
import io.moka.kernels.cpu.x86.Assembler.Label;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

/** Our bytes against those of GNU as, recorded by {@link EncodingRecorder}. */
class AssemblerTest {
  private final Assembler assembler = new Assembler();

  @Test
  void writesTheBytesOfGnuAs() throws IOException {
    List<String> wrong = new ArrayList<>();
    Set<String> names = new TreeSet<>();
    for (String line : recorded()) {
      String[] parts = line.split(" ; ");
      Instruction instruction = Instruction.parse(parts[0]);
      names.add(Instruction.VEX_NAMES.getOrDefault(instruction.name(), instruction.name()));
      String found = HexFormat.of().formatHex(instruction.assemble());
      if (!found.equals(parts[1])) {
        wrong.add(line + " but ours is " + found);
      }
    }
    assertThat(wrong).isEmpty();
    for (Op op : Op.values()) {
      assertThat(names)
          .as("recorded")
          .containsAnyOf(op.name().replaceFirst("_(STORE|LANES)$", "").toLowerCase());
    }
    for (TileOp op : TileOp.values()) {
      assertThat(names).as("recorded").contains(op.name().toLowerCase());
    }
  }

  private static List<String> recorded() throws IOException {
    try (var reader =
        new BufferedReader(
            new InputStreamReader(
                AssemblerTest.class.getResourceAsStream("encodings.txt"),
                StandardCharsets.US_ASCII))) {
      return reader.readAllLines();
    }
  }

  @Test
  void jumpsForwardsAndBackwards() {
    Label end = new Label();
    assembler.jump(Condition.EQUAL, end);
    Label loop = assembler.here();
    assembler.ret();
    assembler.jump(loop);
    assembler.bind(end);
    assembler.ret();
    assertThat(HexFormat.of().formatHex(assembler.toBytes()))
        .isEqualTo("0f8406000000" + "c3" + "e9faffffff" + "c3");
  }

  @Test
  void refusesALabelWithoutAPlaceOrWithTwo() {
    Label label = assembler.here();
    assertThatIllegalStateException().isThrownBy(() -> assembler.bind(label));
    assembler.jump(new Label());
    assertThatIllegalStateException()
        .isThrownBy(assembler::toBytes)
        .withMessageContaining("leads nowhere");
  }

  @Test
  void refusesWhatCannotBeEncoded() {
    assertThatIllegalArgumentException().isThrownBy(() -> zmm(32));
    assertThatIllegalArgumentException().isThrownBy(() -> zmm(1).merging(8));
    assertThatIllegalArgumentException().isThrownBy(() -> Mem.at(Gp.RAX, Gp.RSP, 0));
    assertThatIllegalArgumentException().isThrownBy(() -> new Mem(Gp.RAX, Gp.RCX, 3, 0, false));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> assembler.emit(Op.VADDPS, zmm(0), zmm(1)))
        .withMessageContaining("VADDPS is of the form RVM");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> assembler.emit(Op.VPSRLD, zmm(0), zmm(1), 256));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> assembler.emit(Op.VCVTPH2PS, zmm(0), Mem.broadcast(Gp.RAX, 0)))
        .withMessageContaining("cannot broadcast");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> assembler.emit(Op.VMOVUPS, Mem.at(Gp.RAX, 0), ymm(1)));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> assembler.emit(Op.VPSIGNB, ymm(0), ymm(1), ymm(16)))
        .withMessageContaining("VPSIGNB has neither 512 bits");
  }

  @Test
  void refusesTilesThatCannotBe() {
    Tile tile = new Tile(7);
    assertThatIllegalArgumentException().isThrownBy(() -> new Tile(8));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> assembler.tileMemory(TileOp.TILELOADD, tile, Mem.at(Gp.RAX, 0)));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> assembler.multiplyTiles(TileOp.TILEZERO, tile, tile, tile));
    TileShapes shapes = new TileShapes();
    assertThatIllegalArgumentException().isThrownBy(() -> shapes.add(17, 64));
    assertThatIllegalArgumentException().isThrownBy(() -> shapes.add(16, 62));
  }

  @Test
  void endsARunawayLoop() {
    assertThatIllegalStateException()
        .isThrownBy(() -> {
          while (true) {
            assembler.ret();
          }
        })
        .withMessageContaining("1048576 bytes");
  }
}
