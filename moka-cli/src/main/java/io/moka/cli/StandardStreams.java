package io.moka.cli;

import io.moka.IoReason;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.lang.reflect.Field;
import java.nio.charset.StandardCharsets;

/**
 * Standard output and standard error as a user of a shell expects them: UTF-8 whatever the locale,
 * and the end of the program, without a word, once nobody reads the output any more.
 */
final class StandardStreams {

  /** 128 + SIGPIPE: what a shell reports for a C program that wrote to a closed pipe. */
  private static final int CLOSED_PIPE = 141;

  private static final int DISK_FULL_OR_WORSE = 1;

  private StandardStreams() {}

  /** Replaces {@link System#out} and {@link System#err}; to be called before anything prints. */
  static void install() {
    System.setErr(print(new FileOutputStream(standardError())));
    System.setOut(print(new Output(new FileOutputStream(FileDescriptor.out))));
  }

  /** The number of the user's standard error. */
  static int errorDescriptor() {
    return Integer.getInteger("moka.stderr", 2);
  }

  private static PrintStream print(OutputStream stream) {
    return new PrintStream(stream, true, StandardCharsets.UTF_8);
  }

  /**
   * The JDK warns about its incubating modules before any code of ours runs, and no option keeps it
   * from doing so. The launcher therefore starts Java with a filter for that line as descriptor 2
   * and the user's standard error as another one, which it names in {@code moka.stderr}. Only a
   * descriptor keeps what the user's stream is: a terminal, or a file shared with standard output.
   */
  private static FileDescriptor standardError() {
    int number = errorDescriptor();
    if (number == 2) {
      return FileDescriptor.err;
    }
    try {
      FileDescriptor descriptor = new FileDescriptor();
      Field field = FileDescriptor.class.getDeclaredField("fd");
      field.setAccessible(true);
      field.setInt(descriptor, number);
      return descriptor;
    } catch (ReflectiveOperationException | RuntimeException e) {
      return FileDescriptor.err; // through the filter then: the same text, a line at a time
    }
  }

  /** Ends the program at the first write that fails; a PrintStream would go on for ever. */
  private static final class Output extends OutputStream {

    private final OutputStream out;

    private Output(OutputStream out) {
      this.out = out;
    }

    @Override
    public void write(int b) {
      write(new byte[] {(byte) b}, 0, 1);
    }

    @Override
    public void write(byte[] bytes, int offset, int length) {
      try {
        out.write(bytes, offset, length);
      } catch (IOException e) {
        end(e);
      }
    }

    /** Halts rather than exits: the caller may hold locks that shutdown hooks wait for. */
    private static void end(IOException e) {
      boolean closedPipe = String.valueOf(e.getMessage()).contains("Broken pipe");
      if (!closedPipe) {
        System.err.println("moka: cannot write to standard output: " + IoReason.of(e));
      }
      Runtime.getRuntime().halt(closedPipe ? CLOSED_PIPE : DISK_FULL_OR_WORSE);
    }
  }
}
