package io.moka.cli;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;

/** Asks what a file descriptor leads to. The JDK's own Console knows input and output together. */
final class Descriptors {
  private static final Path LINUX = Path.of("/proc/self/fd");

  private Descriptors() {}

  /** Linux answers by a link, which costs less at start than a call into the C library. */
  static boolean isTerminal(int descriptor) {
    if (!Files.isDirectory(LINUX)) {
      return isatty(descriptor);
    }
    try {
      String target = Files.readSymbolicLink(LINUX.resolve("" + descriptor)).toString();
      return target.startsWith("/dev/") && !target.startsWith("/dev/null") && isatty(descriptor);
    } catch (IOException closed) {
      return false;
    }
  }

  /** How many columns a terminal has; 0 where that is not known. */
  static int columns(int descriptor) {
    boolean mac = System.getProperty("os.name").startsWith("Mac");
    long request = mac ? 0x40087468L : 0x5413L; // TIOCGWINSZ
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment size = arena.allocate(4L * Short.BYTES); // rows, columns, pixels
      int failed =
          (int)
              Linker.nativeLinker()
                  .downcallHandle(
                      Linker.nativeLinker().defaultLookup().findOrThrow("ioctl"),
                      FunctionDescriptor.of(
                          ValueLayout.JAVA_INT,
                          ValueLayout.JAVA_INT,
                          ValueLayout.JAVA_LONG,
                          ValueLayout.ADDRESS),
                      Linker.Option.firstVariadicArg(2))
                  .invokeExact(descriptor, request, size);
      return failed == 0 ? Short.toUnsignedInt(size.getAtIndex(ValueLayout.JAVA_SHORT, 1)) : 0;
    } catch (Throwable unknown) {
      return 0;
    }
  }

  private static boolean isatty(int descriptor) {
    try {
      Linker linker = Linker.nativeLinker();
      return (int)
              linker
                  .downcallHandle(
                      linker.defaultLookup().findOrThrow("isatty"),
                      FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT))
                  .invokeExact(descriptor)
          == 1;
    } catch (Throwable unknown) {
      return false;
    }
  }
}
