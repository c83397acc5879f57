package io.moka.hub;

import java.net.URI;
import java.net.http.HttpHeaders;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * The head of an answer, and its body as it comes.
 *
 * @param uri who answered
 * @param ofHub whether that is the hub itself
 * @param status of HTTP
 * @param headers its headers
 * @param body its bytes; to be closed
 */
record Reply(URI uri, boolean ofHub, int status, HttpHeaders headers, Body body)
    implements AutoCloseable {

  boolean isSuccess() {
    return status / 100 == 2;
  }

  Optional<String> header(String name) {
    return headers.firstValue(name);
  }

  /** A header that counts bytes; empty where it is missing or makes no sense. */
  OptionalLong bytes(String name) {
    return header(name)
        .filter(text -> text.matches("\\d{1,13}"))
        .map(text -> OptionalLong.of(Long.parseLong(text)))
        .orElse(OptionalLong.empty());
  }

  @Override
  public void close() {
    body.close();
  }
}
