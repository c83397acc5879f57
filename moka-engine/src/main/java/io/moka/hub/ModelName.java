package io.moka.hub;

import java.util.Optional;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What a user calls a model of a hub: {@code org/name}, {@code org/name@revision}, {@code
 * org/name:file}.
 *
 * @param repository {@code org/name}, or a plain name
 * @param revision branch, tag or commit; empty for {@code main}
 * @param file a file, or the name of a quantisation; empty for the model as a whole
 */
public record ModelName(String repository, Optional<String> revision, Optional<String> file) {
  private static final String PART = "[A-Za-z0-9_][A-Za-z0-9._-]*";
  private static final Pattern REPOSITORY = Pattern.compile(PART + "(/" + PART + ")?");
  private static final Pattern REVISION = Pattern.compile(PART + "(/" + PART + ")*");
  private static final Pattern NAME =
      Pattern.compile("(?<repository>[^@:]*)(@(?<revision>[^:]*))?(:(?<file>.+))?");
  private static final int MOST_CHARACTERS = 96;
  private static final int MOST_REVISION_CHARACTERS = 200;

  /**
   * Takes a name apart.
   *
   * @param text what the user wrote
   * @return the name; empty when it is none
   */
  public static Optional<ModelName> parse(String text) {
    Matcher matcher = NAME.matcher(text);
    if (!matcher.matches() || !isRepository(matcher.group("repository"))) {
      return Optional.empty();
    }
    Optional<String> revision = Optional.ofNullable(matcher.group("revision"));
    Optional<String> file = Optional.ofNullable(matcher.group("file"));
    return revision.filter(Predicate.not(ModelName::isRevision)).isPresent()
            || file.filter(Predicate.not(RemotePath::isPossible)).isPresent()
        ? Optional.empty()
        : Optional.of(new ModelName(matcher.group("repository"), revision, file));
  }

  /**
   * The part of a text that keeps it from being a name, where that is its file alone.
   *
   * @param text what the user wrote
   * @return a path that no repository can hold, such as one that leads out of it; empty where the
   *     text is a name, or none in other ways
   */
  public static Optional<String> impossibleFile(String text) {
    Matcher matcher = NAME.matcher(text);
    if (!matcher.matches() || matcher.group("file") == null || parse(text).isPresent()) {
      return Optional.empty();
    }
    String file = matcher.group("file");
    return parse(text.substring(0, text.length() - file.length() - 1)).map(_ -> file);
  }

  /**
   * Whether a text can be a branch, a tag or a commit.
   *
   * @param text any text
   * @return whether it may become a part of a URL and a file below {@code refs}
   */
  public static boolean isRevision(String text) {
    return text.length() <= MOST_REVISION_CHARACTERS
        && REVISION.matcher(text).matches()
        && !text.contains("..");
  }

  /** The cache writes a slash as two hyphens, which no hub allows in a name. */
  static boolean isRepository(String text) {
    return text.length() <= MOST_CHARACTERS
        && REPOSITORY.matcher(text).matches()
        && !text.contains("..")
        && !text.contains("--");
  }

  /**
   * The same name with another revision.
   *
   * @param other branch, tag or commit
   * @return the name
   */
  public ModelName withRevision(String other) {
    return new ModelName(repository, Optional.of(other), file);
  }

  @Override
  public String toString() {
    return repository
        + revision.map(text -> "@" + text).orElse("")
        + file.map(text -> ":" + text).orElse("");
  }
}
