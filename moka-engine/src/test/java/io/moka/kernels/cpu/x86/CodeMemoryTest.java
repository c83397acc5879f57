package io.moka.kernels.cpu.x86;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

class CodeMemoryTest {
  private static final MethodHandle ADD =
      Linker.nativeLinker()
          .downcallHandle(
              FunctionDescriptor.of(
                  ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG));

  @Test
  void runsWhatItHolds() throws Throwable {
    CodeMemory memory = loaded();
    MemorySegment entry = memory.entry(0);
    try (memory) {
      assertThat((long) ADD.invokeExact(entry, 40L, 2L)).isEqualTo(42);
    }
    assertThatIllegalStateException()
        .as("a call after close")
        .isThrownBy(() -> {
          long ignored = (long) ADD.invokeExact(entry, 40L, 2L);
        });
  }

  @Test
  void isNeverWritableAndExecutable() throws Exception {
    try (CodeMemory memory = loaded()) {
      String address = Long.toHexString(memory.entry(0).address());
      List<String> maps = Files.readAllLines(Path.of("/proc/self/maps"));
      assertThat(maps)
          .filteredOn(line -> line.startsWith(address))
          .singleElement()
          .asString()
          .contains(" r-xp ");
    }
  }

  @Test
  void saysWhyItCannotRunElsewhere() {
    assertThat(CodeMemory.load(add(), "Mac OS X", "aarch64"))
        .isEqualTo(
            new CodeMemory.Refused(
                "machine code is written for Linux on amd64, this is Mac OS X on aarch64"));
    assertThat(CodeMemory.load(add(), "Linux", "aarch64")).isInstanceOf(CodeMemory.Refused.class);
  }

  private static CodeMemory loaded() {
    CodeMemory.Result result = CodeMemory.load(add());
    assumeTrue(result instanceof CodeMemory.Loaded, result.toString());
    return ((CodeMemory.Loaded) result).memory();
  }

  private static byte[] add() {
    Assembler assembler = new Assembler();
    assembler.move(Gp.RAX, Gp.RDI);
    assembler.alu(Assembler.Alu.ADD, Gp.RAX, Gp.RSI);
    assembler.ret();
    return assembler.toBytes();
  }
}
