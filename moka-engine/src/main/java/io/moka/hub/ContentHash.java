package io.moka.hub;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * What a hub names a file's content by.
 *
 * @param kind how it is computed
 * @param hex its digits, lower case
 */
record ContentHash(Kind kind, String hex) {
  private static final Pattern SHA256 = Pattern.compile("[0-9a-f]{64}");
  private static final Pattern SHA1 = Pattern.compile("[0-9a-f]{40}");

  /** How a hash is computed. */
  enum Kind {
    /** Of large files, which git keeps apart: SHA-256 of the content. */
    SHA256("SHA-256"),
    /** Of small ones: what git calls them, SHA-1 of {@code "blob <length>\0"} and the content. */
    GIT("SHA-1");

    private final String algorithm;

    Kind(String algorithm) {
      this.algorithm = algorithm;
    }
  }

  /** Reads a hash by its digits; empty when they are none. Nothing else becomes a file's name. */
  static Optional<ContentHash> of(String hex) {
    if (SHA256.matcher(hex).matches()) {
      return Optional.of(new ContentHash(Kind.SHA256, hex));
    }
    return SHA1.matcher(hex).matches()
        ? Optional.of(new ContentHash(Kind.GIT, hex))
        : Optional.empty();
  }

  /** Reads the value of an {@code ETag}: quoted, perhaps marked as weak. */
  static Optional<ContentHash> ofEtag(String etag) {
    String strong = etag.startsWith("W/") ? etag.substring(2) : etag;
    boolean quoted = strong.length() >= 2 && strong.startsWith("\"") && strong.endsWith("\"");
    return of(quoted ? strong.substring(1, strong.length() - 1) : strong);
  }

  /** Begins to compute such a hash of a content of so many bytes. */
  MessageDigest begin(long length) {
    try {
      MessageDigest digest = MessageDigest.getInstance(kind.algorithm);
      if (kind == Kind.GIT) {
        digest.update(("blob " + length + "\0").getBytes(StandardCharsets.US_ASCII));
      }
      return digest;
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError(e); // every JDK has both
    }
  }

  /** The hash that was computed. */
  ContentHash end(MessageDigest digest) {
    return new ContentHash(kind, HexFormat.of().formatHex(digest.digest()));
  }

  @Override
  public String toString() {
    return kind == Kind.GIT ? "git blob " + hex : "SHA-256 " + hex;
  }
}
