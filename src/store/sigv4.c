#include "store/sigv4.h"

#include <stdbool.h>
#include <string.h>

#define ALGORITHM "AWS4-HMAC-SHA256"

char *sigv4_encode(const char *text, bool slashes)
{
    GString *out = g_string_sized_new(strlen(text) + 16);
    for (const unsigned char *at = (const unsigned char *)text; *at != '\0'; at++) {
        if (g_ascii_isalnum(*at) || strchr("-._~", *at) != NULL || (slashes && *at == '/'))
            g_string_append_c(out, (char)*at);
        else
            g_string_append_printf(out, "%%%02X", *at);
    }
    return g_string_free(out, FALSE);
}

static int compare_texts(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static char *join_sorted(GPtrArray *parts, const char *between)
{
    g_ptr_array_sort(parts, compare_texts);
    g_ptr_array_add(parts, NULL);
    return g_strjoinv(between, (char **)parts->pdata);
}

/* Sorted by encoded name, then value: '=' sorts before all that an encoded name can hold but "-",
 * "." and "%", so that the separator must not take part. */
char *sigv4_query(const char *const *pairs)
{
    g_autoptr(GPtrArray) parts = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *joined = NULL;
    for (; pairs != NULL && *pairs != NULL; pairs += 2) {
        g_autofree char *name = sigv4_encode(pairs[0], false);
        g_autofree char *value = sigv4_encode(pairs[1], false);
        g_ptr_array_add(parts, g_strconcat(name, "\x01", value, NULL));
    }
    joined = join_sorted(parts, "&");
    return g_strdelimit(g_steal_pointer(&joined), "\x01", '=');
}

char *sigv4_time(int64_t wall_us)
{
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(wall_us / G_USEC_PER_SEC);
    return g_date_time_format(time, "%Y%m%dT%H%M%SZ");
}

/* "name:value" with the name in lower case and runs of blanks in the value as one. */
static char *canonical_header(const char *name, const char *value)
{
    g_autofree char *lower = g_ascii_strdown(name, -1);
    GString *line = g_string_new(lower);
    bool blank = false;
    g_string_append_c(line, ':');
    for (const char *at = value; *at != '\0'; at++) {
        if (g_ascii_isspace(*at)) {
            blank = true;
            continue;
        }
        if (blank && line->len > strlen(lower) + 1)
            g_string_append_c(line, ' ');
        blank = false;
        g_string_append_c(line, *at);
    }
    return g_string_free(line, FALSE);
}

/* Sorted by name: ':' of "name:value" would sort behind the '-' of a longer name. */
static int compare_headers(gconstpointer a, gconstpointer b)
{
    const char *one = *(const char *const *)a;
    const char *other = *(const char *const *)b;
    const size_t one_size = strcspn(one, ":");
    const size_t other_size = strcspn(other, ":");
    const int order = strncmp(one, other, MIN(one_size, other_size));
    return order != 0 ? order : (int)one_size - (int)other_size;
}

static void canonical_headers(const char *const *headers, GString *lines, GString *names)
{
    g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func(g_free);
    for (; *headers != NULL; headers += 2)
        g_ptr_array_add(list, canonical_header(headers[0], headers[1]));
    g_ptr_array_sort(list, compare_headers);
    for (guint i = 0; i < list->len; i++) {
        const char *line = g_ptr_array_index(list, i);
        g_string_append_printf(lines, "%s\n", line);
        g_string_append_printf(names, "%s%.*s", i > 0 ? ";" : "", (int)strcspn(line, ":"), line);
    }
}

static HashRaw step(const HashRaw *key, const char *text)
{
    return hash_hmac(key->bytes, sizeof key->bytes, text, strlen(text));
}

static HashRaw signing_key(const Sigv4Request *request, const char *day)
{
    g_autofree char *secret = g_strconcat("AWS4", request->secret_key, NULL);
    HashRaw key = hash_hmac(secret, strlen(secret), day, strlen(day));
    key = step(&key, request->region);
    key = step(&key, request->service);
    return step(&key, "aws4_request");
}

char *sigv4_authorization(const Sigv4Request *request)
{
    g_autoptr(GString) lines = g_string_new(NULL);
    g_autoptr(GString) names = g_string_new(NULL);
    g_autofree char *day = g_strndup(request->time, 8);
    g_autofree char *scope =
        g_strdup_printf("%s/%s/%s/aws4_request", day, request->region, request->service);
    g_autofree char *canonical = NULL;
    g_autofree char *to_sign = NULL;
    HashRaw key, signature;
    canonical_headers(request->headers, lines, names);
    canonical = g_strdup_printf("%s\n%s\n%s\n%s\n%s\n%s", request->method, request->path,
                                request->query, lines->str, names->str, request->payload_sha256);
    to_sign = g_strdup_printf("%s\n%s\n%s\n%s", ALGORITHM, request->time, scope,
                              hash_text(canonical).hex);
    key = signing_key(request, day);
    signature = step(&key, to_sign);
    return g_strdup_printf("%s Credential=%s/%s, SignedHeaders=%s, Signature=%s", ALGORITHM,
                           request->access_key, scope, names->str, hash_raw_to_hex(&signature).hex);
}
