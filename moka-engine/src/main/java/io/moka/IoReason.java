package io.moka;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.FileSystemLoopException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.util.Optional;

/**
 * Why reading or writing failed, in words for a message that names the file itself. The messages of
 * the JDK's own exceptions often are the file's name and nothing else.
 */
public final class IoReason {
  private static final String UNKNOWN = "the system gives no reason";

  private IoReason() {}

  /**
   * The reason alone.
   *
   * @param e an {@link IOException}, or what wraps one
   * @return such as {@code permission denied}; never a file, never the name of a class
   */
  public static String of(Exception e) {
    return switch (e) {
      case UncheckedIOException wrapper -> of(wrapper.getCause());
      case AccessDeniedException _ -> "permission denied";
      case NoSuchFileException _ -> "there is no such file or folder";
      case FileAlreadyExistsException _ -> "it exists already";
      case NotDirectoryException _ -> "it is no folder";
      case DirectoryNotEmptyException _ -> "the folder is not empty";
      case FileSystemLoopException _ -> "its links go round in a circle";
      case FileSystemException file -> text(file.getReason());
      default -> text(e.getMessage());
    };
  }

  /**
   * The reason, behind the file that it concerns where a message does not name that one already.
   *
   * @param named what the message names
   * @param e an {@link IOException}, or what wraps one
   * @return such as {@code permission denied}, or {@code folder/file: permission denied}
   */
  public static String of(Path named, Exception e) {
    Exception cause = e instanceof UncheckedIOException wrapper ? wrapper.getCause() : e;
    boolean another =
        cause instanceof FileSystemException file
            && file.getFile() != null
            && !file.getFile().equals(named.toString());
    return (another ? ((FileSystemException) cause).getFile() + ": " : "") + of(cause);
  }

  /** The system's own words, which begin as a sentence, in the middle of one. */
  private static String text(String words) {
    String text = Optional.ofNullable(words).map(String::strip).orElse("");
    if (text.isEmpty()) {
      return UNKNOWN;
    }
    boolean word = text.length() > 1 && Character.isLowerCase(text.charAt(1));
    return word ? Character.toLowerCase(text.charAt(0)) + text.substring(1) : text;
  }
}
