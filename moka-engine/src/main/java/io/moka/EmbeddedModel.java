package io.moka;

import java.net.URISyntaxException;
import java.nio.file.FileSystemNotFoundException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.CodeSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Finds the model that comes with Moka. */
final class EmbeddedModel {
  static final String HOME_PROPERTY = "moka.home";
  private static final Path FOLDER = Path.of("models", "fairytales-moe");

  private EmbeddedModel() {}

  /** Its folder: below the home named by the property, else above the code, else here. */
  static Path locate() {
    Optional<Path> home = Optional.ofNullable(System.getProperty(HOME_PROPERTY)).map(Path::of);
    List<Path> places = home.map(List::of).orElseGet(EmbeddedModel::places);
    for (Path place : places) {
      if (Files.isRegularFile(place.resolve(FOLDER).resolve("config.json"))) {
        return place.resolve(FOLDER);
      }
    }
    throw new ModelNotFoundException(
        "The embedded model "
            + FOLDER
            + " is in none of "
            + places
            + "; set the system property "
            + HOME_PROPERTY
            + " to the folder of Moka, or name a model");
  }

  private static List<Path> places() {
    List<Path> places = new ArrayList<>();
    for (Optional<Path> at = codeLocation(); at.isPresent(); at = parent(at.get())) {
      places.add(at.get());
    }
    places.add(Path.of("").toAbsolutePath());
    return places;
  }

  private static Optional<Path> parent(Path path) {
    return Optional.ofNullable(path.getParent());
  }

  private static Optional<Path> codeLocation() {
    CodeSource source = EmbeddedModel.class.getProtectionDomain().getCodeSource();
    try {
      return source == null || source.getLocation() == null
          ? Optional.empty()
          : parent(Path.of(source.getLocation().toURI()).toAbsolutePath());
    } catch (URISyntaxException | IllegalArgumentException | FileSystemNotFoundException e) {
      return Optional.empty(); // the code does not lie in a file
    }
  }
}
