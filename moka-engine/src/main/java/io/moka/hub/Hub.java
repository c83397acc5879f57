package io.moka.hub;

import io.moka.HubException;
import java.io.IOException;
import java.net.URI;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What can be asked of a hub about one repository. */
final class Hub {
  /** Of all pages of a list. */
  private static final int MOST_PAGES = 1000;

  private static final Duration ANSWER = Duration.ofMinutes(2);
  private static final Pattern NEXT = Pattern.compile("<([^<>]{1,8192})>\\s*;\\s*rel=\"?next\"?");

  private final Transport transport;
  private final HubSettings settings;
  private final ModelName name;
  private final Refusals refusals;
  private final Backoff.Pause pause;
  private final Consumer<String> notices;

  Hub(
      Transport transport,
      HubSettings settings,
      ModelName name,
      Backoff.Pause pause,
      Consumer<String> notices) {
    this.transport = transport;
    this.settings = settings;
    this.name = name;
    this.refusals = new Refusals(settings, name);
    this.pause = pause;
    this.notices = notices;
  }

  /**
   * What the repository holds at a revision.
   *
   * @param revision branch, tag or commit
   */
  Listing list(String revision) throws InterruptedException {
    URI uri =
        address(
            "/api/models/" + name.repository() + "/revision/" + RemotePath.encodePart(revision));
    String where = "revision " + revision + " of " + name.repository();
    Page page = page(uri, where);
    if (page.json().isEmpty()) {
      throw refusals.explain(page.reply(), where);
    }
    Listing listing = HubJson.revision(page.json().get(), where);
    return new Listing(listing.commit(), tree(listing).orElseGet(listing::files));
  }

  /** The list with sizes; empty where this hub has none. */
  private Optional<List<RemoteFile>> tree(Listing listing) throws InterruptedException {
    String where = "the files of " + name.repository();
    URI uri =
        address(
            "/api/models/" + name.repository() + "/tree/" + listing.commit() + "?recursive=true");
    List<RemoteFile> files = new ArrayList<>();
    Set<String> paths = new HashSet<>();
    for (int pages = 0; pages < MOST_PAGES; pages++) {
      Page page = page(uri, where);
      if (page.json().isEmpty()
          && pages == 0
          && page.reply().status() != 401
          && page.reply().status() != 403) {
        return Optional.empty();
      }
      if (page.json().isEmpty()) {
        throw refusals.explain(page.reply(), where);
      }
      for (RemoteFile file : HubJson.tree(page.json().get(), where)) {
        if (!paths.add(file.path()) || files.size() == HubJson.MOST_FILES) {
          throw new HubException(
              where
                  + ": listed twice, or more than "
                  + HubJson.MOST_FILES
                  + ": "
                  + Printable.text(file.path()));
        }
        files.add(file);
      }
      Optional<String> next =
          page.reply()
              .header("Link")
              .map(NEXT::matcher)
              .filter(Matcher::find)
              .map(link -> link.group(1));
      if (next.isEmpty()) {
        return Optional.of(files);
      }
      uri = Redirects.resolve(uri, next.get());
    }
    throw new HubException(where + ": the list has more than " + MOST_PAGES + " pages");
  }

  /** What was asked, and the JSON of a success. */
  private record Page(Reply reply, Optional<byte[]> json) {}

  private Page page(URI uri, String where) throws InterruptedException {
    return ofQuestion()
        .persist(
            where,
            uri,
            () -> {
              try (Reply reply = transport.ask("GET", uri, 0, Transport.End.CONTENT)) {
                refuseTemporary(reply);
                refuseCompressed(reply, where);
                if (!reply.isSuccess()) {
                  return new Page(reply, Optional.empty());
                }
                return new Page(
                    reply,
                    Optional.of(
                        reply
                            .body()
                            .readAll(HubJson.MAX_BYTES, ANSWER)
                            .orElseThrow(() ->
                                new HubException(
                                    where
                                        + ": the answer has more than "
                                        + HubJson.MAX_BYTES
                                        + " bytes; check HF_ENDPOINT"))));
              }
            });
  }

  /**
   * Asks what a file's content is called and how long it is.
   *
   * @param commit at which
   * @param file as listed
   * @return the same with size and hash
   */
  RemoteFile describe(String commit, RemoteFile file) throws InterruptedException {
    URI uri = content(commit, file.path());
    String where = Printable.text(file.path());
    return ofQuestion()
        .persist(
            where,
            uri,
            () -> {
              try (Reply reply = transport.ask("HEAD", uri, 0, Transport.End.HASH)) {
                refuseTemporary(reply);
                if (!reply.isSuccess() && !Redirects.isRedirect(reply.status())) {
                  throw refusals.explain(reply, where);
                }
                return described(commit, file, reply, where);
              }
            });
  }

  private RemoteFile described(String commit, RemoteFile file, Reply reply, String where) {
    Optional<String> other = reply.header("X-Repo-Commit").filter(text -> !text.equals(commit));
    if (other.isPresent()) {
      throw contradiction(where, "commit " + commit, "commit " + Printable.text(other.get()));
    }
    Optional<ContentHash> told =
        reply.header("X-Linked-Etag").or(() -> reply.header("ETag")).flatMap(ContentHash::ofEtag);
    ContentHash hash =
        told.or(file::hash)
            .orElseThrow(() ->
                new HubException(
                    where
                        + ": "
                        + Origin.of(reply.uri())
                        + " names no hash to check it by (X-Linked-Etag or ETag: "
                        + Printable.text(reply.header("ETag").orElse("none"))
                        + "); it is not fetched. Is that a hub? Check HF_ENDPOINT"));
    if (file.hash().filter(listed -> !listed.equals(hash)).isPresent()) {
      throw contradiction(where, file.hash().get().toString(), hash.toString());
    }
    OptionalLong length =
        Redirects.isRedirect(reply.status()) ? OptionalLong.empty() : reply.bytes("Content-Length");
    OptionalLong linked = reply.bytes("X-Linked-Size");
    OptionalLong size = linked.isPresent() ? linked : length;
    if (size.isPresent() && file.size().isPresent() && !size.equals(file.size())) {
      throw contradiction(where, file.size().getAsLong() + " bytes", size.getAsLong() + " bytes");
    }
    OptionalLong known = size.isPresent() ? size : file.size();
    if (known.isEmpty()) {
      throw new HubException(where + ": the hub does not say how long it is; it is not fetched");
    }
    return new RemoteFile(file.path(), known, Optional.of(hash));
  }

  private HubException contradiction(String where, String listed, String told) {
    return new HubException(
        where
            + ": the hub lists "
            + listed
            + ", but then says "
            + told
            + "; it is not fetched. Try again later");
  }

  /** Asks for a file's bytes. */
  Reply open(URI uri, long firstByte) throws IOException, InterruptedException {
    Reply reply = transport.ask("GET", uri, firstByte, Transport.End.CONTENT);
    try {
      refuseTemporary(reply);
      return reply;
    } catch (IOException e) {
      reply.close();
      throw e;
    }
  }

  /** Where a file's bytes are asked for. */
  URI content(String commit, String path) {
    return address("/" + name.repository() + "/resolve/" + commit + "/" + RemotePath.encode(path));
  }

  Refusals refusals() {
    return refusals;
  }

  /** For one file's bytes. */
  Persistence ofDownload() {
    return Persistence.ofDownload(settings.attempts(), pause, notices);
  }

  private Persistence ofQuestion() {
    return Persistence.ofQuestion(settings.attempts(), pause, notices);
  }

  static void refuseCompressed(Reply reply, String where) {
    Optional<String> encoding =
        reply.header("Content-Encoding").filter(text -> !text.equalsIgnoreCase("identity"));
    if (encoding.isPresent()) {
      throw new HubException(
          where
              + ": "
              + Origin.of(reply.uri())
              + " sends it compressed ("
              + Printable.text(encoding.get())
              + ") though it was asked not to; check HF_ENDPOINT and the proxy");
    }
  }

  private static void refuseTemporary(Reply reply) throws Unavailable {
    if (Unavailable.isTemporary(reply.status())) {
      throw new Unavailable(reply.status(), Backoff.asked(reply, Instant.now()));
    }
  }

  private URI address(String path) {
    return URI.create(settings.endpoint() + path);
  }
}
