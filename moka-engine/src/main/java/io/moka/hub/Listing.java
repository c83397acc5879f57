package io.moka.hub;

import java.util.List;

/**
 * What a repository holds at a commit.
 *
 * @param commit which
 * @param files all of them
 */
record Listing(String commit, List<RemoteFile> files) {}
