#include "base/json.h"

#include "base/error.h"
#include "base/file.h"
#include <stdlib.h>
#include <string.h>

#define FILE_MAX_BYTES ((size_t)256 * 1024 * 1024)

static char *dump(const json_t *value, size_t flags)
{
    char *text = json_dumps(value, flags | JSON_ENCODE_ANY);
    char *copy = NULL;
    if (text == NULL)
        g_error("a JSON value holds text that is not UTF-8");
    copy = g_strdup(text);
    free(text);
    return copy;
}

char *json_to_line(const json_t *value)
{
    return dump(value, JSON_COMPACT);
}

char *json_to_text(const json_t *value)
{
    g_autofree char *text = dump(value, JSON_INDENT(2));
    return g_strconcat(text, "\n", NULL);
}

json_t *json_parse(const char *text, size_t size_bytes, const char *source, GError **error)
{
    json_error_t detail;
    json_t *value = json_loadb(text, size_bytes, JSON_REJECT_DUPLICATES, &detail);
    if (value == NULL)
        error_set(error, ERROR_CONFIG, "%s:%d:%d: not valid JSON", source, detail.line,
                  detail.column);
    return value;
}

json_t *json_parse_file(const char *path, GError **error)
{
    g_autofree char *text = NULL;
    size_t size_bytes = 0;
    if (!file_read(path, FILE_MAX_BYTES, &text, &size_bytes, error))
        return NULL;
    return json_parse(text, size_bytes, path, error);
}

const char *json_get_text(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

int64_t json_get_integer(const json_t *object, const char *key, int64_t fallback)
{
    const json_t *value = json_object_get(object, key);
    return json_is_integer(value) ? json_integer_value(value) : fallback;
}

bool json_get_flag(const json_t *object, const char *key, bool fallback)
{
    const json_t *value = json_object_get(object, key);
    return json_is_boolean(value) ? json_is_true(value) : fallback;
}

void json_set_text(json_t *object, const char *key, const char *text)
{
    json_t *value = NULL;
    if (text == NULL) {
        value = json_null();
    } else {
        g_autofree char *valid = g_utf8_make_valid(text, -1);
        value = json_string(valid);
    }
    json_object_set_new(object, key, value);
}

void json_set_integer(json_t *object, const char *key, int64_t value)
{
    json_object_set_new(object, key, json_integer(value));
}
