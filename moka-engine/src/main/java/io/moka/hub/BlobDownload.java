package io.moka.hub;

import io.moka.DamagedDownloadException;
import io.moka.HubException;
import io.moka.IoReason;
import java.io.IOException;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.util.List;
import java.util.OptionalLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * One blob on its way: from the network to {@code <hash>.incomplete}, hashed as it comes, and to
 * its name once length and hash are right. Who runs it holds the blob's lock.
 */
final class BlobDownload implements AutoCloseable {
  private static final Pattern CONTENT_RANGE =
      Pattern.compile("bytes (\\d{1,18})-(\\d{1,18})/(\\d{1,18}|\\*)");

  /** After so much the network counts as alive, and failures are counted anew. */
  private static final long ADVANCE_BYTES = 1 << 20;

  private static final int BUFFER_BYTES = 1 << 20;

  private final Hub hub;
  private final URI uri;
  private final String path;
  private final ContentHash hash;
  private final long size;
  private final Path written;
  private final PullListener listener;
  private final FileChannel channel;
  private MessageDigest digest;
  private long position;

  /** Whether it was put together from pieces, of which one may be from another time. */
  private boolean pieced;

  private boolean rangesFail;

  private BlobDownload(
      Hub hub, URI uri, Wanted file, Path written, PullListener listener, FileChannel channel) {
    this.hub = hub;
    this.uri = uri;
    this.path = Printable.text(file.path());
    this.hash = file.hash();
    this.size = file.size();
    this.written = written;
    this.listener = listener;
    this.channel = channel;
    this.digest = hash.begin(size);
  }

  /**
   * Fetches a blob.
   *
   * @param hub whom to ask
   * @param uri for what
   * @param file what it must be
   * @param written where it grows, and may have grown before
   * @param blob its name in the end
   * @param listener hears of every byte
   * @throws DamagedDownloadException when it is not what it must be; nothing of it remains
   * @throws HubException when it does not come; what came remains
   */
  static void run(Hub hub, URI uri, Wanted file, Path written, Path blob, PullListener listener)
      throws IOException, InterruptedException {
    Files.createDirectories(written.getParent());
    FileChannel channel =
        FileChannel.open(
            written,
            StandardOpenOption.CREATE,
            StandardOpenOption.READ,
            StandardOpenOption.WRITE,
            LinkOption.NOFOLLOW_LINKS);
    try (BlobDownload download = new BlobDownload(hub, uri, file, written, listener, channel)) {
      download.resume();
      download.receiveAll();
      channel.force(true); // before it has its name: what has it is whole, also after a power cut
    }
    Files.move(written, blob, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
  }

  /** Takes over what an earlier attempt left. */
  private void resume() throws IOException, InterruptedException {
    if (channel.size() > size) {
      channel.truncate(0);
    }
    ByteBuffer buffer = ByteBuffer.allocate(BUFFER_BYTES);
    while (channel.read(buffer, position) > 0) {
      position += buffer.flip().remaining();
      listener.onBytes(buffer.remaining(), false);
      digest.update(buffer);
      buffer.clear();
      if (Thread.interrupted()) {
        throw new InterruptedException();
      }
    }
    pieced = position > 0;
  }

  private void receiveAll() throws IOException, InterruptedException {
    while (true) {
      Persistence persistence = hub.ofDownload();
      long reached = position;
      while (position < size) {
        try {
          receive();
        } catch (IOException e) {
          // farther than ever: who always begins anew and always breaks off gets nowhere
          boolean advanced = position - reached >= ADVANCE_BYTES;
          reached = Math.max(reached, position);
          persistence.failed(path, uri, e, advanced);
        }
      }
      ContentHash found = hash.end(digest);
      if (found.equals(hash)) {
        return;
      }
      if (!pieced) {
        throw damaged(hash.toString(), found.toString());
      }
      listener.onNotice(path + ": its pieces do not make up the whole; fetching it anew");
      restart();
      rangesFail = true;
    }
  }

  private void receive() throws IOException, InterruptedException {
    if (rangesFail && position > 0) {
      restart();
    }
    try (Reply reply = hub.open(uri, position)) {
      Hub.refuseCompressed(reply, path);
      switch (reply.status()) {
        case 200 -> {
          checkLength(reply, 0);
          restart(); // where a part was asked for, the whole comes
        }
        case 206 -> {
          checkRange(reply);
          checkLength(reply, position);
        }
        case 416 -> {
          rangesFail = true;
          throw new IOException("it has nothing from byte " + position + " on");
        }
        default -> throw hub.refusals().explain(reply, path);
      }
      take(reply.body());
    }
  }

  private void checkRange(Reply reply) throws IOException {
    String range = reply.header("Content-Range").orElse("none");
    Matcher matcher = CONTENT_RANGE.matcher(range);
    boolean right =
        matcher.matches()
            && Long.parseLong(matcher.group(1)) == position
            && Long.parseLong(matcher.group(2)) == size - 1
            && (matcher.group(3).equals("*") || Long.parseLong(matcher.group(3)) == size);
    if (!right) {
      rangesFail = true;
      throw new IOException(
          "it was asked for bytes "
              + position
              + " to "
              + (size - 1)
              + " and sends "
              + Printable.text(range));
    }
    pieced |= position > 0;
  }

  /** What came before from a hub that kept its word stays; of this answer nothing is taken. */
  private void checkLength(Reply reply, long from) throws IOException {
    OptionalLong length = reply.bytes("Content-Length");
    if (length.isPresent() && length.getAsLong() != size - from) {
      throw damaged(size + " bytes", from + length.getAsLong() + " bytes");
    }
  }

  /**
   * Writes what comes, up to the length that the file has; what goes beyond it is not looked at.
   */
  private void take(Body body) throws IOException, InterruptedException {
    while (position < size) {
      List<ByteBuffer> bytes = body.next();
      if (bytes.isEmpty()) {
        throw new IOException("the connection ended after " + position + " of " + size + " bytes");
      }
      for (ByteBuffer buffer : bytes) {
        if (buffer.remaining() > size - position) {
          buffer.limit(buffer.position() + (int) (size - position));
        }
        write(buffer);
      }
    }
  }

  private void write(ByteBuffer buffer) throws InterruptedException {
    int count = buffer.remaining();
    digest.update(buffer.duplicate());
    try {
      long at = position;
      while (buffer.hasRemaining()) {
        at += channel.write(buffer, at);
      }
    } catch (ClosedByInterruptException e) {
      throw new InterruptedException();
    } catch (IOException e) {
      throw new HubException(written + ": cannot be written: " + IoReason.of(e), e);
    }
    position += count;
    listener.onBytes(count, true);
  }

  private void restart() throws IOException {
    listener.onBytes(-position, false);
    channel.truncate(0);
    position = 0;
    pieced = false;
    digest = hash.begin(size);
  }

  private DamagedDownloadException damaged(String expected, String found) throws IOException {
    boolean earlier = position > 0 && position < size;
    if (!earlier) {
      Files.deleteIfExists(written);
    }
    return new DamagedDownloadException(
        path
            + ": expected "
            + expected
            + ", "
            + Origin.of(uri)
            + " sent "
            + found
            + (earlier ? "; it is not taken" : "; what came is removed")
            + ". Try again; if it stays so, ask who runs the hub");
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
