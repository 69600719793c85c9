/* The words of PostgreSQL's own messages, as far as they are not names of anything. */
#pragma once

#include <stdbool.h>

/* Whether word is one of them, all in lower or all in upper case: "May" and "Will" are people. */
bool redact_words_has(const char *word);
