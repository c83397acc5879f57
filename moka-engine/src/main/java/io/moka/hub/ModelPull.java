package io.moka.hub;

import io.moka.HubException;
import io.moka.IoReason;
import io.moka.ModelNotFoundException;
import io.moka.MokaException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorCompletionService;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Stream;

/**
 * Fetches a model from a hub into the cache. What is there already is not fetched; what broke off
 * goes on where it ended; several processes may do it at once.
 */
public final class ModelPull {
  private static final String MAIN = "main";

  private final HubSettings settings;
  private final Machine machine;

  /** What a test replaces: waiting, the disk's space, whether it knows links. */
  record Machine(Backoff.Pause pause, FreeSpace space, LocalRepository.LinkMaker links) {
    static final Machine REAL =
        new Machine(
            Thread::sleep,
            folder -> Files.getFileStore(folder).getUsableSpace(),
            Files::createSymbolicLink);
  }

  /** Bytes that may be written into a folder. */
  interface FreeSpace {
    long of(Path folder) throws IOException;
  }

  /**
   * Creates a pull.
   *
   * @param settings which hub and which cache
   */
  public ModelPull(HubSettings settings) {
    this(settings, Machine.REAL);
  }

  ModelPull(HubSettings settings, Machine machine) {
    this.settings = settings;
    this.machine = machine;
  }

  /**
   * Fetches a model, or a file of it.
   *
   * @param name what
   * @param parallel files at once, at least 1
   * @param listener hears how it gets on
   * @return what is in the cache now
   * @throws ModelNotFoundException when the hub, or offline the cache, has no such thing
   * @throws ChoiceException when there is more than one thing that may be meant
   * @throws io.moka.DamagedDownloadException when a file is not what the hub says it is
   * @throws HubException when it cannot be fetched for another reason; the same call again goes on
   *     where this one ended
   */
  public PullResult pull(ModelName name, int parallel, PullListener listener) {
    LocalRepository repository = new LocalRepository(settings.cache(), name.repository());
    try {
      return settings.offline()
          ? local(name, repository)
          : fetch(name, repository, parallel, listener);
    } catch (IOException e) {
      throw new HubException(
          name
              + ": cannot be stored in "
              + settings.cache().root()
              + ": "
              + IoReason.of(settings.cache().root(), e),
          e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new HubException(name + ": interrupted; the same call goes on where this one ended", e);
    }
  }

  private PullResult fetch(
      ModelName name, LocalRepository repository, int parallel, PullListener listener)
      throws IOException, InterruptedException {
    String revision = name.revision().orElse(MAIN);
    AtomicLong fetched = new AtomicLong();
    try (Transport transport = new Transport(settings);
        Workers workers = new Workers(parallel)) {
      Hub hub = new Hub(transport, settings, name, machine.pause(), listener::onNotice);
      Listing listing = hub.list(revision);
      Path snapshot = repository.snapshot(listing.commit());
      List<Wanted> files = wanted(name, listing, snapshot, hub, workers);
      List<Wanted> missing = new ArrayList<>();
      for (Wanted file : files) {
        if (!LocalRepository.isComplete(file.target(), file.size())) {
          missing.add(file);
        }
      }
      checkSpace(repository, missing);
      long total = bytes(files);
      listener.onStart(files.size(), total, files.size() - missing.size(), total - bytes(missing));
      PullListener counting = new Counting(listener, fetched);
      workers.run(
          missing.stream()
              .<Callable<Void>>map(file ->
                  () -> {
                    fetch(hub, repository, listing.commit(), file, counting);
                    return null;
                  })
              .toList());
      repository.writeRef(revision, listing.commit());
      return new PullResult(
          listing.commit(),
          snapshot,
          files.stream().map(Wanted::target).toList(),
          total,
          fetched.get());
    }
  }

  /** Chooses the files and makes sure of their names, sizes and hashes. */
  private List<Wanted> wanted(
      ModelName name, Listing listing, Path snapshot, Hub hub, Workers workers)
      throws IOException, InterruptedException {
    List<RemoteFile> chosen = FileChoice.choose(name, listing.files());
    for (RemoteFile file : chosen) {
      RemotePath.below(snapshot, file.path()); // before anything is asked for
    }
    return workers.run(
        chosen.stream()
            .<Callable<Wanted>>map(file ->
                () -> {
                  RemoteFile known =
                      isKnown(file, snapshot) ? file : hub.describe(listing.commit(), file);
                  return new Wanted(
                      known.path(),
                      known.size().orElseThrow(),
                      known.hash().orElseThrow(),
                      RemotePath.below(snapshot, known.path()));
                })
            .toList());
  }

  /** What lies in a snapshot of this commit already need not be asked about again. */
  private static boolean isKnown(RemoteFile file, Path snapshot) throws IOException {
    return file.size().isPresent()
        && file.hash().isPresent()
        && LocalRepository.isComplete(
            RemotePath.below(snapshot, file.path()), file.size().getAsLong());
  }

  private void fetch(
      Hub hub, LocalRepository repository, String commit, Wanted file, PullListener listener)
      throws IOException, InterruptedException {
    String shown = Printable.text(file.path());
    Path blob = repository.blob(file.hash());
    Runnable onWait = () -> listener.onNotice(shown + ": another process is fetching it; waiting");
    try (CacheLock _ =
        CacheLock.acquire(repository.lock(file.hash().hex()), machine.pause(), onWait)) {
      if (LocalRepository.isComplete(blob, file.size())) {
        listener.onBytes(file.size(), false);
      } else {
        BlobDownload.run(
            hub,
            hub.content(commit, file.path()),
            file,
            repository.incomplete(file.hash()),
            blob,
            listener);
      }
      repository.show(file.target(), blob, machine.links());
    }
    listener.onFile(file.path());
  }

  private void checkSpace(LocalRepository repository, List<Wanted> missing) throws IOException {
    long needed = 0;
    for (Wanted file : missing) {
      Path part = repository.incomplete(file.hash());
      if (!LocalRepository.isComplete(repository.blob(file.hash()), file.size())) {
        long there = Files.isRegularFile(part) ? Files.size(part) : 0;
        needed += Math.max(0, file.size() - there);
      }
    }
    Path folder = repository.folder().toAbsolutePath();
    while (!Files.exists(folder)) {
      folder = folder.getParent();
    }
    long free = machine.space().of(folder);
    if (needed > free) {
      throw new HubException(
          repository.repository()
              + ": "
              + Sizes.text(needed)
              + " are to come, and "
              + folder
              + " has room for "
              + Sizes.text(free)
              + "; make room (moka rm), or let HF_HUB_CACHE name a folder on another disk");
    }
  }

  /** What the cache holds, as if the hub had said so. */
  private static PullResult local(ModelName name, LocalRepository repository) throws IOException {
    String revision = name.revision().orElse(MAIN);
    Optional<Path> snapshot =
        repository.commit(revision).map(repository::snapshot).filter(Files::isDirectory);
    if (snapshot.isEmpty()) {
      throw new ModelNotFoundException(
          name
              + ": is not in "
              + repository.cache().root()
              + ", and offline (--offline, HF_HUB_OFFLINE) nothing is fetched");
    }
    List<RemoteFile> files = new ArrayList<>();
    try (Stream<Path> walk = Files.walk(snapshot.get())) {
      for (Path file : walk.filter(Files::isRegularFile).toList()) {
        String path = snapshot.get().relativize(file).toString().replace('\\', '/');
        files.add(new RemoteFile(path, OptionalLong.of(Files.size(file)), Optional.empty()));
      }
    } catch (UncheckedIOException e) {
      throw e.getCause();
    }
    List<RemoteFile> chosen = FileChoice.choose(name, files);
    return new PullResult(
        snapshot.get().getFileName().toString(),
        snapshot.get(),
        chosen.stream().map(file -> snapshot.get().resolve(file.path())).toList(),
        chosen.stream().mapToLong(file -> file.size().orElseThrow()).sum(),
        0);
  }

  private static long bytes(List<Wanted> files) {
    return files.stream().mapToLong(Wanted::size).sum();
  }

  /** Counts what comes over the network, and passes everything on. */
  private record Counting(PullListener listener, AtomicLong fetched) implements PullListener {
    @Override
    public void onBytes(long bytes, boolean fromNetwork) {
      if (fromNetwork) {
        fetched.addAndGet(bytes);
      }
      listener.onBytes(bytes, fromNetwork);
    }

    @Override
    public void onFile(String path) {
      listener.onFile(path);
    }

    @Override
    public void onNotice(String text) {
      listener.onNotice(text);
    }
  }

  /** Threads that ask several things at once; the first failure stops all of them. */
  private static final class Workers implements AutoCloseable {
    private final ExecutorService threads;

    Workers(int count) {
      threads =
          Executors.newFixedThreadPool(
              count, Thread.ofPlatform().daemon().name("moka-pull-", 0).factory());
    }

    /** Runs all and returns their results in order. */
    <T> List<T> run(List<Callable<T>> tasks) throws IOException, InterruptedException {
      ExecutorCompletionService<Void> completed = new ExecutorCompletionService<>(threads);
      List<Optional<T>> results = new ArrayList<>();
      for (int i = 0; i < tasks.size(); i++) {
        int index = i;
        results.add(Optional.empty());
        completed.submit(() -> {
          T result = tasks.get(index).call();
          synchronized (results) {
            results.set(index, Optional.ofNullable(result));
          }
          return null;
        });
      }
      for (int i = 0; i < tasks.size(); i++) {
        try {
          completed.take().get();
        } catch (ExecutionException e) {
          throw asThrown(e.getCause());
        }
      }
      synchronized (results) {
        return results.stream().flatMap(Optional::stream).toList();
      }
    }

    private static IOException asThrown(Throwable cause) throws InterruptedException {
      switch (cause) {
        case MokaException e -> throw e;
        case IOException e -> {
          return e;
        }
        case InterruptedException e -> throw e;
        case RuntimeException e -> throw e;
        case Error e -> throw e;
        default -> throw new AssertionError(cause);
      }
    }

    /** Stops what still runs and waits for its end: the files it writes are whole pieces then. */
    @Override
    public void close() {
      threads.shutdownNow();
      threads.close();
    }
  }
}
