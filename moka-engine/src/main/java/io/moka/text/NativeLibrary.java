package io.moka.text;

import io.moka.PlatformException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * Loads the tokenizer's native library from the class path, once for each process.
 *
 * <p>DJL's own loader is not used: it asks for a GPU, may download a build for it, keeps a cache in
 * the home directory and reports to a cloud address. The library is written to a fresh directory
 * that only this user can read, loaded, and removed again where the system allows it.
 */
final class NativeLibrary {
  private NativeLibrary() {}

  /** The class that declares native methods must have the same class loader as this one. */
  private static final class Holder {
    static final Optional<String> FAILURE = tryLoad();
  }

  static void require() {
    if (Holder.FAILURE.isPresent()) {
      throw new PlatformException(Holder.FAILURE.get());
    }
  }

  private static Optional<String> tryLoad() {
    String platform = platform(System.getProperty("os.name"), System.getProperty("os.arch"));
    List<String> failures = new ArrayList<>();
    // A temporary directory can be read-only or forbid execution; the home directory often does not
    for (String property : List.of("java.io.tmpdir", "user.home")) {
      Path parent = Path.of(System.getProperty(property, "."));
      try {
        load(platform, parent);
        return Optional.empty();
      } catch (IOException | UnsatisfiedLinkError e) {
        failures.add(parent + " (" + property + "): " + e);
      }
    }
    return Optional.of(
        "The tokenizer's native library for "
            + platform
            + " could not be loaded; tried "
            + String.join("; ", failures)
            + ". There are builds for linux-x86_64 and linux-aarch64 (glibc), osx-aarch64 and"
            + " win-x86_64; -Djava.io.tmpdir names a directory that can be written and executed"
            + " from.");
  }

  static String platform(String osName, String osArch) {
    String os = osName.toLowerCase(Locale.ROOT);
    String family = os.startsWith("win") ? "win" : os.startsWith("mac") ? "osx" : "linux";
    return family + "-" + (osArch.equals("amd64") ? "x86_64" : osArch);
  }

  private static List<String> files(String platform) {
    return platform.startsWith("win")
        ? List.of("libwinpthread-1.dll", "libgcc_s_seh-1.dll", "libstdc++-6.dll", "tokenizers.dll")
        : List.of(platform.startsWith("osx") ? "libtokenizers.dylib" : "libtokenizers.so");
  }

  private static void load(String platform, Path parent) throws IOException {
    Path folder = Files.createTempDirectory(parent, "moka-tokenizer");
    List<Path> written = new ArrayList<>();
    try {
      for (String name : files(platform)) {
        Path file = folder.resolve(name);
        written.add(file);
        String resource = "/native/lib/" + platform + "/cpu/" + name;
        try (InputStream in = NativeLibrary.class.getResourceAsStream(resource)) {
          if (in == null) {
            throw new IOException("the class path has no " + resource);
          }
          Files.copy(in, file);
        }
        System.load(file.toAbsolutePath().toString());
      }
    } finally {
      // A loaded library needs its file no more, except on Windows, where deleting fails
      for (Path file : written) {
        deleteQuietly(file);
      }
      deleteQuietly(folder);
    }
  }

  private static void deleteQuietly(Path path) {
    try {
      Files.deleteIfExists(path);
    } catch (IOException e) {
      path.toFile().deleteOnExit();
    }
  }
}
