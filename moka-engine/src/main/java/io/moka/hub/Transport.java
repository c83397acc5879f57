package io.moka.hub;

import io.moka.HubException;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.Optional;

/**
 * Questions to the hub and to where it sends on. Redirects are followed here and not by the JDK, so
 * that the token goes to the hub alone: once an address of somebody else has been followed, not
 * even back to the hub.
 */
final class Transport implements AutoCloseable {
  private final HubSettings settings;
  private final Origin hub;
  private final HttpClient client;

  Transport(HubSettings settings) {
    this.settings = settings;
    this.hub = Origin.of(settings.endpoint());
    // one connection for each file: the windows of HTTP/2 would make them wait for each other
    this.client =
        HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .followRedirects(HttpClient.Redirect.NEVER)
            .connectTimeout(settings.idle())
            .build();
  }

  /** Where to end a chain of redirects. */
  enum End {
    /** At the file itself, wherever it lies. */
    CONTENT,
    /**
     * At the first answer that tells a file's hash: the hub's own, before it sends on to storage.
     */
    HASH
  }

  /**
   * Asks, and follows redirects.
   *
   * @param method GET or HEAD
   * @param start address
   * @param firstByte where to begin; 0 for the whole
   * @param end how far to follow
   * @return the answer, whatever its status
   * @throws HubException when a redirect leads where none may, or there are too many
   * @throws IOException when there is no answer
   */
  Reply ask(String method, URI start, long firstByte, End end)
      throws IOException, InterruptedException {
    URI uri = start;
    boolean left = false;
    for (int hops = 0; hops <= Redirects.MOST; hops++) {
      boolean ofHub = Origin.of(uri).equals(hub);
      left |= !ofHub;
      HttpResponse<Body> response = client.send(request(method, uri, firstByte, !left), this::body);
      Reply reply =
          new Reply(uri, ofHub, response.statusCode(), response.headers(), response.body());
      Optional<String> location = reply.header("Location");
      if (!Redirects.isRedirect(reply.status()) || location.isEmpty()) {
        return reply;
      }
      if (end == End.HASH && reply.header("X-Linked-Etag").isPresent()) {
        return reply;
      }
      reply.close();
      uri = Redirects.resolve(uri, location.get());
    }
    throw new HubException(
        Printable.text(start.toString())
            + ": more than "
            + Redirects.MOST
            + " redirects, the last to "
            + Origin.of(uri)
            + "; ask who runs the hub");
  }

  private Body body(HttpResponse.ResponseInfo info) {
    return new Body(settings.idle());
  }

  private HttpRequest request(String method, URI uri, long firstByte, boolean withToken) {
    HttpRequest.Builder request;
    try {
      request = HttpRequest.newBuilder(uri);
    } catch (IllegalArgumentException e) {
      throw new HubException(Printable.text(uri.toString()) + ": is no address of the web", e);
    }
    (method.equals("HEAD") ? request.HEAD() : request.GET())
        .timeout(settings.idle())
        .header("User-Agent", "moka")
        .header("Accept-Encoding", "identity"); // lengths and ranges are those of the file
    if (firstByte > 0) {
      request.header("Range", "bytes=" + firstByte + "-");
    }
    if (withToken && settings.protectsToken()) {
      settings.token().ifPresent(token -> request.header("Authorization", token.authorization()));
    }
    return request.build();
  }

  @Override
  public void close() {
    client.shutdownNow();
  }
}
