package io.moka.hub;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CountDownLatch;

/**
 * A server of HTTP on this machine that writes whatever a test wants, right or wrong. One
 * connection for each request.
 */
final class FakeServer implements AutoCloseable {
  private final ServerSocket socket;
  private final List<Socket> connections = new ArrayList<>();
  private final List<Request> requests = new ArrayList<>();
  private final CountDownLatch closed = new CountDownLatch(1);
  private final Answering answering;

  /** What was asked. */
  record Request(String method, String target, Map<String, String> headers) {
    boolean isHead() {
      return method.equals("HEAD");
    }

    /** The first byte that is wanted; 0 for the whole. */
    int firstByte() {
      String range = headers.getOrDefault("range", "bytes=0-");
      return Integer.parseInt(range.substring("bytes=".length(), range.length() - 1));
    }
  }

  /** Chooses the answer. */
  interface Answering {
    Answer answer(Request request);
  }

  /** Writes an answer, head and all. */
  interface Answer {
    void write(OutputStream out) throws IOException;
  }

  FakeServer(Answering answering) {
    this.answering = answering;
    try {
      socket = new ServerSocket(0, 100, InetAddress.getByName("127.0.0.1"));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    Thread.ofVirtual().start(this::accept);
  }

  URI uri() {
    return URI.create("http://127.0.0.1:" + socket.getLocalPort());
  }

  List<Request> requests() {
    synchronized (requests) {
      return List.copyOf(requests);
    }
  }

  /** An answer with a length. */
  static Answer answer(int status, byte[] body, String... headers) {
    return out -> {
      head(out, status, headers);
      out.write(
          ("Content-Length: " + body.length + "\r\n\r\n").getBytes(StandardCharsets.US_ASCII));
      out.write(body);
    };
  }

  static Answer answer(int status, String... headers) {
    return answer(status, new byte[0], headers);
  }

  /** The head of an answer, but for the empty line at its end. */
  static void head(OutputStream out, int status, String... headers) throws IOException {
    StringBuilder head = new StringBuilder("HTTP/1.1 " + status + " X\r\nConnection: close\r\n");
    for (String header : headers) {
      head.append(header).append("\r\n");
    }
    out.write(head.toString().getBytes(StandardCharsets.ISO_8859_1));
  }

  /** Leaves the connection open and says nothing more, until the server is closed. */
  Answer thenHang(Answer begin) {
    return out -> {
      begin.write(out);
      out.flush();
      try {
        closed.await();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    };
  }

  private void accept() {
    while (true) {
      try {
        Socket connection = socket.accept();
        synchronized (connections) {
          connections.add(connection);
        }
        Thread.ofVirtual().start(() -> serve(connection));
      } catch (IOException closed) {
        return;
      }
    }
  }

  private void serve(Socket connection) {
    try (connection;
        InputStream in = new BufferedInputStream(connection.getInputStream());
        OutputStream out = connection.getOutputStream()) {
      String[] words = line(in).split(" ");
      if (words.length < 2) {
        return;
      }
      Map<String, String> headers = new TreeMap<>();
      for (String line = line(in); !line.isEmpty(); line = line(in)) {
        String[] parts = line.split(":", 2);
        headers.put(parts[0].toLowerCase(Locale.ROOT), parts[1].strip());
      }
      Request request = new Request(words[0], words[1], headers);
      synchronized (requests) {
        requests.add(request);
      }
      answering.answer(request).write(out);
      out.flush();
      connection.shutdownOutput();
      in.transferTo(OutputStream.nullOutputStream()); // what is unread would reset the connection
    } catch (IOException gone) {
      // the other side has heard enough
    }
  }

  private static String line(InputStream in) throws IOException {
    ByteArrayOutputStream line = new ByteArrayOutputStream();
    for (int b = in.read(); b >= 0 && b != '\n'; b = in.read()) {
      line.write(b);
    }
    return line.toString(StandardCharsets.ISO_8859_1).strip();
  }

  @Override
  public void close() {
    closed.countDown();
    try {
      socket.close();
      synchronized (connections) {
        for (Socket connection : connections) {
          connection.close();
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
