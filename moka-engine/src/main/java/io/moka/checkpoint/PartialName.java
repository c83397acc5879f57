package io.moka.checkpoint;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;

/** What a file is called until it is whole: {@code .NAME.PID.part}, beside where it will be. */
public final class PartialName {
  /** The longest name of the usual file systems. */
  private static final int MAX_BYTES = 255;

  private PartialName() {}

  /**
   * Another name for a file, which this process alone uses. A name that leaves no room for what is
   * added is cut.
   *
   * @param target where the file will be
   * @return a path in the same folder
   * @throws IOException when nothing can have the target's name there, for one because it is too
   *     long: better found before the work than when all is written
   */
  public static Path beside(Path target) throws IOException {
    try {
      Files.readAttributes(target, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
    } catch (NoSuchFileException free) {
      // as it should be
    }
    String name = target.getFileName().toString();
    String end = "." + ProcessHandle.current().pid() + ".part";
    if (bytes("." + name + end) > MAX_BYTES) {
      // names that differ at their end alone stay apart
      end = "." + Integer.toHexString(name.hashCode()) + end;
      while (bytes("." + name + end) > MAX_BYTES) {
        name = name.substring(0, name.offsetByCodePoints(name.length(), -1));
      }
    }
    return target.resolveSibling("." + name + end);
  }

  /**
   * Opens a file of such a name for writing; what lies there, of a killed process or a link that
   * somebody laid, goes first.
   *
   * @param partial as {@link #beside} gives it
   * @return an empty file of this process's own
   * @throws IOException when it cannot be made
   */
  public static FileChannel open(Path partial) throws IOException {
    Files.deleteIfExists(partial);
    return FileChannel.open(partial, StandardOpenOption.WRITE, StandardOpenOption.CREATE_NEW);
  }

  private static int bytes(String name) {
    return name.getBytes(StandardCharsets.UTF_8).length;
  }
}
