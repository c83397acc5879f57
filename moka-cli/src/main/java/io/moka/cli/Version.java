package io.moka.cli;

/** Which Moka this is. */
final class Version {
  private Version() {}

  /** As the jar that the build made says it. */
  static String text() {
    String version = Version.class.getPackage().getImplementationVersion();
    return version == null ? "(not from a jar)" : version;
  }
}
