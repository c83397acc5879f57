package io.moka.checkpoint;

import io.moka.IoReason;
import io.moka.ModelException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Objects;

/** Keeps what is written off the files that a model is read from. */
public final class ModelFiles {
  private ModelFiles() {}

  /**
   * Refuses to write over a model, or into its folder under a name that the model is read by.
   *
   * @param checkpoint the model
   * @param out where something shall be written
   * @throws ModelException when one of the model's files is there, whatever its name, or would be
   */
  public static void refuseOverwriting(Checkpoint checkpoint, Path out) {
    for (Path file : checkpoint.files()) {
      if (isSame(file, out)) {
        throw new ModelException(
            out
                + (checkpoint.files().size() == 1
                    ? ": is the model itself"
                    : ": is one of the model's own files")
                + "; give another name");
      }
    }
  }

  /**
   * Whether two paths lead to one file, through links too; where there is none yet, to one name in
   * one folder.
   *
   * @param file a path
   * @param out another
   * @return whether who writes to one changes the other; pipes and devices are never the same
   * @throws ModelException when that cannot be found out
   */
  public static boolean isSame(Path file, Path out) {
    try {
      if (Files.exists(out)) {
        return Files.isRegularFile(out) && Files.exists(file) && Files.isSameFile(file, out);
      }
      return Objects.equals(file.getFileName(), out.getFileName())
          && Files.isSameFile(folder(file), folder(out));
    } catch (NoSuchFileException e) {
      return false; // of a folder; who writes there says so
    } catch (IOException e) {
      throw new ModelException(
          out + ": cannot be compared with " + file + ": " + IoReason.of(e), e);
    }
  }

  private static Path folder(Path file) {
    Path folder = file.toAbsolutePath().getParent();
    return folder == null ? file.toAbsolutePath() : folder;
  }
}
