package io.moka.cli;

import io.moka.IoReason;
import io.moka.RequestException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

/** Reads whole texts, UTF-8, from files or standard input. */
final class TextInput {
  /** What {@code -} means in place of a file or a text. */
  static final String STANDARD_INPUT = "-";

  private static final int MAX_BYTES = 16 << 20; // the tokenizer takes no more

  private final Environment environment;

  TextInput(Environment environment) {
    this.environment = environment;
  }

  /**
   * Reads a text.
   *
   * @param file its name, or {@code -} for standard input
   * @throws RequestException when it cannot be read or is too long
   */
  String read(String file) {
    if (file.equals(STANDARD_INPUT)) {
      return readStandardInput();
    }
    try (InputStream in = Files.newInputStream(Path.of(file))) {
      return decode(file, in);
    } catch (NoSuchFileException | InvalidPathException e) {
      throw new RequestException(file + ": there is no such file", e);
    } catch (IOException e) {
      throw new RequestException(file + ": cannot be read: " + IoReason.of(e), e);
    }
  }

  /** Reads standard input to its end. */
  String readStandardInput() {
    try {
      return decode(name(STANDARD_INPUT), environment.in());
    } catch (IOException e) {
      throw new RequestException("standard input cannot be read: " + IoReason.of(e), e);
    }
  }

  /** What to call a file, or standard input, in messages. */
  static String name(String file) {
    return file.equals(STANDARD_INPUT) ? "standard input" : file;
  }

  private static String decode(String name, InputStream in) throws IOException {
    byte[] bytes = in.readNBytes(MAX_BYTES + 1);
    if (bytes.length > MAX_BYTES) {
      throw new RequestException(name + ": is longer than " + MAX_BYTES + " bytes");
    }
    return new String(bytes, StandardCharsets.UTF_8);
  }
}
