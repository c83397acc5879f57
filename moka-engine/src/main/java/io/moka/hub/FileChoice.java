package io.moka.hub;

import io.moka.HubException;
import io.moka.ModelNotFoundException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** Which of a repository's files a model is made of. */
final class FileChoice {
  private static final Pattern CONFIGURATION =
      Pattern.compile(
          "config\\.json|generation_config\\.json|tokenizer[^/]*\\.json|chat_template\\.jinja");
  private static final String SINGLE = "model.safetensors";
  private static final String USUAL = "Q4_K_M";
  private static final String INDEX = "model.safetensors.index.json";

  /** What GGUF repositories have beside models: eyes, and what was measured to quantise. */
  private static final Pattern NO_MODEL =
      Pattern.compile("(?i)(.*/)?([^/]*imatrix[^/]*|mmproj[^/]*)\\.gguf");

  private final ModelName name;
  private final List<RemoteFile> files;

  private FileChoice(ModelName name, List<RemoteFile> files) {
    this.name = name;
    this.files = files;
  }

  /**
   * Chooses.
   *
   * @param name the repository and what is wanted of it
   * @param files what the repository holds
   * @return the files to fetch, small ones first; never empty
   * @throws HubException when there is nothing that Moka reads, or more than one thing to choose
   * @throws ModelNotFoundException when what is wanted is not there
   */
  static List<RemoteFile> choose(ModelName name, List<RemoteFile> files) {
    FileChoice choice = new FileChoice(name, files);
    return name.file().isPresent() ? choice.named(name.file().get()) : choice.model();
  }

  /**
   * Finds the file or split file that a word means: a path, a name, the name of a part, or of a
   * quantisation.
   */
  static <T> List<FileSet<T>> matching(String word, List<FileSet<T>> sets, PathOf<T> path) {
    List<Predicate<FileSet<T>>> ways =
        List.of(
            set -> set.parts().stream().anyMatch(part -> path.of(part).equals(word)),
            set -> set.path().equals(word),
            set -> set.parts().stream().anyMatch(part -> path.of(part).endsWith("/" + word)),
            set -> set.path().endsWith("/" + word),
            set -> set.isGguf() && set.hasWord(word));
    return ways.stream()
        .map(way -> sets.stream().filter(way).toList())
        .filter(Predicate.not(List::isEmpty))
        .findFirst()
        .orElse(List.of());
  }

  /**
   * As {@link #matching}, the one that the file of a name means.
   *
   * @throws ChoiceException when several may be meant
   */
  static <T> Optional<FileSet<T>> only(
      ModelName name, List<FileSet<T>> sets, PathOf<T> path, Function<FileSet<T>, String> size) {
    String word = name.file().orElseThrow();
    List<FileSet<T>> found = matching(word, sets, path);
    if (found.size() > 1) {
      throw new ChoiceException(
          name.repository()
              + ": \""
              + Printable.text(word)
              + "\" may mean several files; give the whole name",
          choices(found, size));
    }
    return found.stream().findFirst();
  }

  /** How a file says its path. */
  interface PathOf<T> {
    String of(T file);
  }

  private List<RemoteFile> named(String word) {
    List<FileSet<RemoteFile>> sets = FileSet.group(files, RemoteFile::path);
    return whole(
        only(name, sets, RemoteFile::path, FileChoice::size)
            .orElseThrow(() -> {
              List<FileSet<RemoteFile>> ggufs = ggufs();
              return new ModelNotFoundException(
                  name.repository()
                      + ": no file is called \""
                      + Printable.text(word)
                      + "\" or has that word in its name; there "
                      + (ggufs.isEmpty() ? "is no GGUF file at all" : "are " + list(ggufs)));
            }));
  }

  private List<RemoteFile> model() {
    List<RemoteFile> top = files.stream().filter(RemoteFile::isAtTop).toList();
    List<RemoteFile> weights = weights(top);
    boolean folder = top.stream().anyMatch(file -> file.path().equals("config.json"));
    if (folder && !weights.isEmpty()) {
      List<RemoteFile> chosen = new ArrayList<>();
      top.stream().filter(file -> isConfiguration(file, weights)).forEach(chosen::add);
      FileSet.group(weights, RemoteFile::path).forEach(set -> chosen.addAll(whole(set)));
      return chosen;
    }
    List<FileSet<RemoteFile>> ggufs =
        ggufs().stream().filter(set -> !NO_MODEL.matcher(set.path()).matches()).toList();
    return switch (ggufs.size()) {
      case 0 ->
          throw new HubException(
              name.repository()
                  + ": holds neither config.json with safetensors nor GGUF files, which is what"
                  + " Moka reads, but "
                  + (files.isEmpty() ? "nothing" : list(FileSet.group(files, RemoteFile::path))));
      case 1 -> whole(ggufs.getFirst());
      default ->
          throw new ChoiceException(
              name.repository()
                  + ": holds several models; choose one, as in moka pull "
                  + name.repository()
                  + ":"
                  + example(ggufs),
              choices(ggufs, FileChoice::size));
    };
  }

  /**
   * Where the weights lie in one file and in shards, or as trained and as converted, once is
   * enough.
   */
  private static List<RemoteFile> weights(List<RemoteFile> top) {
    List<RemoteFile> all =
        top.stream().filter(file -> file.path().endsWith(".safetensors")).toList();
    List<RemoteFile> single = all.stream().filter(file -> file.path().equals(SINGLE)).toList();
    if (!single.isEmpty()) {
      return single;
    }
    List<RemoteFile> converted =
        all.stream().filter(file -> !file.path().startsWith("consolidated")).toList();
    return converted.isEmpty() ? all : converted;
  }

  private static boolean isConfiguration(RemoteFile file, List<RemoteFile> weights) {
    boolean sharded = weights.stream().noneMatch(weight -> weight.path().equals(SINGLE));
    return CONFIGURATION.matcher(file.path()).matches() || sharded && file.path().equals(INDEX);
  }

  private List<FileSet<RemoteFile>> ggufs() {
    return FileSet.group(files, RemoteFile::path).stream().filter(FileSet::isGguf).toList();
  }

  private List<RemoteFile> whole(FileSet<RemoteFile> set) {
    if (!set.isWhole()) {
      throw new HubException(
          name.repository()
              + ": of "
              + Printable.text(set.path())
              + " the parts "
              + set.missing().stream()
                  .limit(10)
                  .map(String::valueOf)
                  .collect(Collectors.joining(", "))
              + " are missing; the repository is not complete");
    }
    return set.parts();
  }

  /** A word that means one of them; the quantisation that most people take, where it is there. */
  private static String example(List<FileSet<RemoteFile>> sets) {
    List<String> words =
        sets.stream()
            .map(FileSet::format)
            .filter(word -> !word.isEmpty())
            .filter(word -> sets.stream().filter(set -> set.hasWord(word)).count() == 1)
            .toList();
    return words.contains(USUAL)
        ? USUAL
        : words.stream().findFirst().orElseGet(() -> Printable.text(sets.getFirst().path()));
  }

  private static String list(List<FileSet<RemoteFile>> sets) {
    return ChoiceException.list(choices(sets, FileChoice::size));
  }

  private static <T> List<ChoiceException.Choice> choices(
      List<FileSet<T>> sets, Function<FileSet<T>, String> size) {
    return sets.stream()
        .map(set -> new ChoiceException.Choice(Printable.text(set.path()), size.apply(set)))
        .toList();
  }

  private static String size(FileSet<RemoteFile> set) {
    boolean known = set.parts().stream().allMatch(part -> part.size().isPresent());
    long bytes = set.parts().stream().mapToLong(part -> part.size().orElse(0)).sum();
    return known ? Sizes.text(bytes) : "";
  }
}
