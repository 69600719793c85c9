/* JSON (jansson); the only place that includes it. */
#pragma once

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

G_DEFINE_AUTOPTR_CLEANUP_FUNC(json_t, json_decref)

/* One line, keys in the order they were set, no line feed at the end. The caller frees it with
 * g_free(). */
char *json_to_line(const json_t *value);
/* As above, indented by two, with a line feed at the end. */
char *json_to_text(const json_t *value);

/* Parses a whole text or file. Errors name the source, line and column (ERROR_CONFIG; ERROR_IO if
 * the file cannot be read). A new reference. */
json_t *json_parse(const char *text, size_t size_bytes, const char *source, GError **error);
json_t *json_parse_file(const char *path, GError **error);

/* Member of an object as text, NULL if it is absent or not a string; as a number or flag, with a
 * default. */
const char *json_get_text(const json_t *object, const char *key);
int64_t json_get_integer(const json_t *object, const char *key, int64_t fallback);
bool json_get_flag(const json_t *object, const char *key, bool fallback);

/* Sets a member to a string, or to null if text is NULL. */
void json_set_text(json_t *object, const char *key, const char *text);
void json_set_integer(json_t *object, const char *key, int64_t value);
