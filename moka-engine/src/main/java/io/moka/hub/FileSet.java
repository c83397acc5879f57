package io.moka.hub;

import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;

/**
 * A file, or the parts of one that was split: {@code name-00001-of-00003.gguf} and its like.
 *
 * @param path of the whole, without the numbers
 * @param parts those there are, in order
 * @param missing numbers of those there should be and are not
 */
record FileSet<T>(String path, List<T> parts, List<Integer> missing) {
  private static final Pattern PART =
      Pattern.compile("(.*)-(\\d{5})-of-(\\d{5})(\\.gguf|\\.safetensors)");
  private static final Pattern FORMAT =
      Pattern.compile(
          "(?i)(?<=^|[-._/])(UD-)?(I?Q\\d(_[0-9A-Z]+)*|TQ\\d_\\d|BF16|F16|F32|MXFP4(_MOE)?)"
              + "(?=[-._/])");

  /** Parts with the same key belong together. */
  private record Key(String path, int count) {}

  /** Puts the parts of each split file together, in the order of the paths. */
  static <T> List<FileSet<T>> group(Collection<T> files, Function<T, String> path) {
    Map<Key, TreeMap<Integer, T>> parts = new LinkedHashMap<>();
    for (T file : files.stream().sorted(Comparator.comparing(path)).toList()) {
      Matcher part = PART.matcher(path.apply(file));
      boolean split = part.matches();
      Key key =
          split
              ? new Key(part.group(1) + part.group(4), Integer.parseInt(part.group(3)))
              : new Key(path.apply(file), 0);
      parts
          .computeIfAbsent(key, _ -> new TreeMap<>())
          .put(split ? Integer.parseInt(part.group(2)) : 0, file);
    }
    List<FileSet<T>> sets = new ArrayList<>();
    parts.forEach((key, numbered) -> {
      List<Integer> missing =
          IntStream.rangeClosed(1, key.count())
              .filter(number -> !numbered.containsKey(number))
              .boxed()
              .toList();
      sets.add(new FileSet<>(key.path(), List.copyOf(numbered.values()), missing));
    });
    return sets;
  }

  boolean isWhole() {
    return missing.isEmpty();
  }

  boolean isGguf() {
    return path.toLowerCase(Locale.ROOT).endsWith(".gguf");
  }

  /**
   * Whether the path has a word, such as the name of a quantisation, in it: as a whole, so that
   * {@code Q4_K} is not in {@code Q4_K_M}.
   */
  boolean hasWord(String word) {
    String whole = "(?<=^|[-._/])" + Pattern.quote(word) + "(?=[-./])";
    return Pattern.compile(whole, Pattern.CASE_INSENSITIVE).matcher(path).find();
  }

  /** The name of the quantisation in the path, the last where there are several; or nothing. */
  String format() {
    Matcher matcher = FORMAT.matcher(path);
    String format = "";
    while (matcher.find()) {
      format = matcher.group();
    }
    return format;
  }
}
