package io.moka.checkpoint;

import io.moka.IoReason;
import io.moka.ModelException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;

/** What a file begins with, which says what it is whatever its name. */
final class FirstBytes {
  private FirstBytes() {}

  /** Whether it is a file that begins so. */
  static boolean are(Path file, byte[] magic) {
    if (!Files.isRegularFile(file)) {
      return false;
    }
    try (InputStream in = Files.newInputStream(file)) {
      return Arrays.equals(in.readNBytes(magic.length), magic);
    } catch (IOException e) {
      throw new ModelException(file + ": cannot be read: " + IoReason.of(e), e);
    }
  }
}
