package io.moka.hub;

import java.util.Optional;
import java.util.OptionalLong;

/**
 * A file as a repository lists it.
 *
 * @param path within the repository, parts separated by slashes
 * @param size in bytes; empty where the list does not say
 * @param hash of its content; empty where the list does not say
 */
record RemoteFile(String path, OptionalLong size, Optional<ContentHash> hash) {

  /** Its name without the folders. */
  String name() {
    return path.substring(path.lastIndexOf('/') + 1);
  }

  boolean isAtTop() {
    return path.indexOf('/') < 0;
  }
}
