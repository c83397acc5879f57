package io.moka.text.template;

import java.time.Clock;

/** What filters, tests and functions share during one rendering. */
record Environment(Budget budget, Clock clock) {}
