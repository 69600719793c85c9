#include "store/s3_config.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/text.h"
#include "store/aws_profile.h"
#include <string.h>

#define PART_BYTES ((uint64_t)8 * 1024 * 1024)
#define PART_MIN_BYTES ((uint64_t)5 * 1024 * 1024)
#define PART_MAX_BYTES ((uint64_t)1024 * 1024 * 1024)
#define PARALLEL 3
#define PARALLEL_MAX 32
#define TRIES 10
#define TRIES_MAX 100
#define TIMEOUT_MS 30000

void s3_config_free(S3Config *config)
{
    if (config == NULL)
        return;
    g_free(config->bucket);
    g_free(config->prefix);
    g_free(config->endpoint);
    g_free(config->region);
    g_free(config->ca_file);
    g_free(config->profile);
    g_free(config->sse);
    g_free(config->sse_key);
    g_free(config);
}

static bool malformed(GError **error, const char *why)
{
    error_set(error, ERROR_CONFIG, "must name a bucket as s3://BUCKET/PREFIX does: %s", why);
    return false;
}

/* ---- the URL ---- */

static bool read_bucket(S3Config *config, const char *text, size_t size, GError **error)
{
    config->bucket = g_strndup(text, size);
    if (strchr(config->bucket, '@') != NULL) {
        (void)malformed(error, "it has a user or a password in it");
        error_hint_set(error, "credentials come from the environment or ~/.aws/credentials");
        return false;
    }
    if (size == 0 || size > 255)
        return malformed(error, "there is no bucket in it");
    for (const char *at = config->bucket; *at != '\0'; at++) {
        if (!g_ascii_isalnum(*at) && strchr("._-", *at) == NULL)
            return malformed(error, "a bucket has letters, digits, '.', '-' and '_' alone");
    }
    return true;
}

static bool is_good_part(const char *part)
{
    return part[0] != '\0' && strcmp(part, ".") != 0 && strcmp(part, "..") != 0;
}

static bool read_prefix(S3Config *config, const char *text, size_t size, GError **error)
{
    g_autofree char *raw = g_strndup(text, size);
    g_autofree char *prefix = g_uri_unescape_string(raw, NULL);
    g_auto(GStrv) parts = NULL;
    if (prefix == NULL || !g_utf8_validate(prefix, -1, NULL))
        return malformed(error, "a percent sign is not followed by two hexadecimal digits");
    while (g_str_has_suffix(prefix, "/"))
        prefix[strlen(prefix) - 1] = '\0';
    parts = g_strsplit(prefix, "/", -1);
    for (char **part = parts; *part != NULL; part++) {
        if (!is_good_part(*part))
            return malformed(error, "its prefix has an empty part, '.' or '..'");
    }
    config->prefix = prefix[0] == '\0' ? g_strdup("") : g_strconcat(prefix, "/", NULL);
    return true;
}

static bool set_text(char **out, const char *value)
{
    *out = g_strdup(value);
    return value[0] != '\0';
}

static bool set_style(S3Config *config, const char *value)
{
    if (strcmp(value, "path") == 0)
        config->style = S3_STYLE_PATH;
    else if (strcmp(value, "host") == 0)
        config->style = S3_STYLE_HOST;
    return config->style != S3_STYLE_AUTO;
}

static bool set_checksum(S3Config *config, const char *value)
{
    static const char *const names[] = {"sha256", "md5", "none"};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        if (strcmp(value, names[i]) == 0) {
            config->checksum = (S3Checksum)i;
            return true;
        }
    }
    return false;
}

/* "governance:90d" */
static bool set_retain(S3Config *config, const char *value)
{
    const char *colon = strchr(value, ':');
    g_autofree char *mode = colon != NULL ? g_strndup(value, (gsize)(colon - value)) : NULL;
    if (mode == NULL)
        return false;
    if (strcmp(mode, "governance") == 0)
        config->retain = STORE_LOCK_GOVERNANCE;
    else if (strcmp(mode, "compliance") == 0)
        config->retain = STORE_LOCK_COMPLIANCE;
    else
        return false;
    return clock_parse_duration(colon + 1, &config->retain_ms) && config->retain_ms > 0;
}

static bool set_part_size(S3Config *config, const char *value)
{
    return size_parse(value, &config->part_bytes) && config->part_bytes >= PART_MIN_BYTES &&
           config->part_bytes <= PART_MAX_BYTES;
}

static bool set_count(int *out, const char *value, guint64 most)
{
    guint64 count = 0;
    if (!g_ascii_string_to_unsigned(value, 10, 1, most, &count, NULL))
        return false;
    *out = (int)count;
    return true;
}

static bool set_parallel(S3Config *config, const char *value)
{
    return set_count(&config->parallel, value, PARALLEL_MAX);
}

static bool set_tries(S3Config *config, const char *value)
{
    return set_count(&config->tries, value, TRIES_MAX);
}

static bool set_timeout(S3Config *config, const char *value)
{
    return clock_parse_duration(value, &config->timeout_ms) && config->timeout_ms >= 1000;
}

/* The endpoint is http or https and has no credentials in it. */
static bool set_endpoint(S3Config *config, const char *value)
{
    g_autoptr(GUri) uri = g_uri_parse(value, G_URI_FLAGS_HAS_PASSWORD, NULL);
    const char *scheme = uri != NULL ? g_uri_get_scheme(uri) : "";
    if ((strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0) ||
        g_uri_get_host(uri) == NULL || g_uri_get_host(uri)[0] == '\0' ||
        g_uri_get_userinfo(uri) != NULL || g_uri_get_query(uri) != NULL ||
        g_uri_get_fragment(uri) != NULL)
        return false;
    g_free(config->endpoint);
    config->endpoint = g_strdup(value);
    while (g_str_has_suffix(config->endpoint, "/"))
        config->endpoint[strlen(config->endpoint) - 1] = '\0';
    return true;
}

static bool set_region(S3Config *config, const char *value)
{
    return set_text(&config->region, value);
}

static bool set_profile(S3Config *config, const char *value)
{
    return set_text(&config->profile, value);
}

static bool set_ca(S3Config *config, const char *value)
{
    return set_text(&config->ca_file, value);
}

static bool set_sse(S3Config *config, const char *value)
{
    return set_text(&config->sse, value);
}

static bool set_sse_key(S3Config *config, const char *value)
{
    return set_text(&config->sse_key, value);
}

static const struct {
    const char *name, *wanted;
    bool (*set)(S3Config *config, const char *value);
} options[] = {
    {"endpoint", "an http or https URL without user, password and query", set_endpoint},
    {"region", "the name of a region", set_region},
    {"style", "path or host", set_style},
    {"profile", "the name of a profile", set_profile},
    {"ca", "a file of certificates", set_ca},
    {"checksum", "sha256, md5 or none", set_checksum},
    {"sse", "AES256, aws:kms or aws:kms:dsse", set_sse},
    {"sse_key", "the id of a key", set_sse_key},
    {"retain", "governance:DURATION or compliance:DURATION, as governance:90d", set_retain},
    {"part_size", "5MiB to 1GiB", set_part_size},
    {"parallel", "1 to 32", set_parallel},
    {"tries", "1 to 100", set_tries},
    {"timeout", "a second or more, as 30s", set_timeout},
};

/* No value is shown: who writes a password into a URL may well have it behind a wrong name. */
static bool set_option(S3Config *config, const char *name, const char *value, GError **error)
{
    g_autofree char *shown = text_printable(name);
    const char *names[G_N_ELEMENTS(options) + 1] = {NULL};
    g_autofree char *all = NULL;
    for (size_t i = 0; i < G_N_ELEMENTS(options); i++) {
        names[i] = options[i].name;
        if (strcmp(name, options[i].name) != 0)
            continue;
        if (options[i].set(config, value))
            return true;
        error_set(error, ERROR_CONFIG, "has an option '%s' that must be %s", name,
                  options[i].wanted);
        return false;
    }
    all = g_strjoinv(", ", (char **)names);
    error_set(error, ERROR_CONFIG, "has the unknown option '%s'; there is: %s", shown, all);
    return false;
}

static bool read_options(S3Config *config, const char *query, GError **error)
{
    GUriParamsIter each;
    g_autoptr(GError) cause = NULL;
    char *name = NULL;
    char *value = NULL;
    bool good = true;
    g_uri_params_iter_init(&each, query, -1, "&", G_URI_PARAMS_NONE);
    while (good && g_uri_params_iter_next(&each, &name, &value, &cause)) {
        good = set_option(config, name, value, error);
        g_clear_pointer(&name, g_free);
        g_clear_pointer(&value, g_free);
    }
    if (good && cause != NULL)
        return malformed(error, "its options are not NAME=VALUE&NAME=VALUE");
    return good;
}

S3Config *s3_config_parse(const char *url, GError **error)
{
    g_autoptr(S3Config) config = g_new0(S3Config, 1);
    const char *rest = url + strlen("s3:");
    const char *query = strchr(url, '?');
    const size_t whole = query != NULL ? (size_t)(query - url) : strlen(url);
    size_t bucket_size = 0;
    config->part_bytes = PART_BYTES;
    config->parallel = PARALLEL;
    config->tries = TRIES;
    config->timeout_ms = TIMEOUT_MS;
    if (!g_str_has_prefix(rest, "//") || strchr(url, '#') != NULL) {
        (void)malformed(error, "there is no '//' behind 's3:', or a '#' in it");
        return NULL;
    }
    rest += 2;
    bucket_size = MIN(strcspn(rest, "/"), whole - (size_t)(rest - url));
    if (!read_bucket(config, rest, bucket_size, error))
        return NULL;
    rest += bucket_size;
    if (rest < url + whole)
        rest++; /* the slash */
    if (!read_prefix(config, rest, whole - (size_t)(rest - url), error) ||
        (query != NULL && !read_options(config, query + 1, error)))
        return NULL;
    return g_steal_pointer(&config);
}

/* ---- what it leaves open ---- */

static const char *variable(const char *name)
{
    const char *value = g_getenv(name);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

static const char *first_of(const char *a, const char *b, const char *c)
{
    if (a != NULL)
        return a;
    return b != NULL ? b : c;
}

static const char *service_endpoint(const AwsProfiles *profiles, const char *profile)
{
    const char *services = aws_profile_get(profiles, profile, "services");
    return services != NULL ? aws_service_get(profiles, services, "s3.endpoint_url") : NULL;
}

static bool complete_endpoint(S3Config *config, const AwsProfiles *profiles, const char *profile,
                              GError **error)
{
    const char *ignore = variable("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS");
    const char *found = NULL;
    if (config->endpoint != NULL || (ignore != NULL && g_ascii_strcasecmp(ignore, "true") == 0))
        return true;
    found = first_of(variable("AWS_ENDPOINT_URL_S3"), variable("AWS_ENDPOINT_URL"),
                     first_of(service_endpoint(profiles, profile),
                              aws_profile_get(profiles, profile, "endpoint_url"), NULL));
    if (found == NULL || set_endpoint(config, found))
        return true;
    error_set(error, ERROR_CONFIG,
              "the endpoint of S3 in the environment or in ~/.aws/config is no http or https URL");
    error_hint_set(error, "look at AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL and endpoint_url");
    return false;
}

/* As the SDKs do: AWS itself knows a bucket by its host, others by the path; and a certificate for
 * *.s3.REGION.amazonaws.com does not cover a name with dots. */
static void complete_style(S3Config *config, const AwsProfiles *profiles, const char *profile)
{
    const char *chosen = aws_profile_get(profiles, profile, "s3.addressing_style");
    if (config->style != S3_STYLE_AUTO)
        return;
    if (chosen != NULL && strcmp(chosen, "path") == 0)
        config->style = S3_STYLE_PATH;
    else if (chosen != NULL && strcmp(chosen, "virtual") == 0)
        config->style = S3_STYLE_HOST;
    else
        config->style = config->endpoint != NULL || strpbrk(config->bucket, "._") != NULL
                            ? S3_STYLE_PATH
                            : S3_STYLE_HOST;
}

bool s3_config_complete(S3Config *config, GError **error)
{
    g_autoptr(AwsProfiles) profiles = aws_profiles_load(error);
    const char *profile = config->profile != NULL ? config->profile : aws_profile_default();
    if (profiles == NULL || !complete_endpoint(config, profiles, profile, error))
        return false;
    if (config->region == NULL) {
        const char *found = first_of(variable("AWS_REGION"), variable("AWS_DEFAULT_REGION"),
                                     aws_profile_get(profiles, profile, "region"));
        config->region = g_strdup(found != NULL ? found : "us-east-1");
    }
    if (config->ca_file == NULL)
        config->ca_file = g_strdup(first_of(variable("AWS_CA_BUNDLE"),
                                            aws_profile_get(profiles, profile, "ca_bundle"), NULL));
    complete_style(config, profiles, profile);
    return true;
}
