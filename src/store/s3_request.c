/* One request to the store, signed anew for every try. */
#include "base/clock.h"
#include "base/error.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/text.h"
#include "store/s3.h"
#include "store/sigv4.h"
#include <stdio.h>
#include <string.h>

#define CLEANUP_TRIES 6
#define MAX_TIME_US ((int64_t)300 * G_USEC_PER_SEC)
#define CLEANUP_TIME_US ((int64_t)60 * G_USEC_PER_SEC)
#define BACKOFF_FIRST_MS 200
#define BACKOFF_MAX_MS 20000
#define MESSAGE_MAX_BYTES 200

void s3_answer_free(S3Answer *answer)
{
    if (answer == NULL)
        return;
    http_answer_free(answer->http);
    g_free(answer->code);
    g_free(answer->message);
    g_free(answer);
}

bool s3_succeeded(const S3Answer *answer)
{
    return answer->http->status >= 200 && answer->http->status <= 299;
}

bool s3_says(const S3Answer *answer, const char *code)
{
    return answer->code != NULL && strcmp(answer->code, code) == 0;
}

char *s3_full_key(const S3 *s3, const char *key)
{
    return g_strconcat(s3->config->prefix, key, NULL);
}

char *s3_place(const S3 *s3, const char *full_key)
{
    return g_strconcat("s3://", s3->config->bucket, "/", full_key, NULL);
}

char *s3_base64_sha256(const void *data, size_t size_bytes)
{
    const HashRaw raw = hash_raw(data, size_bytes);
    return g_base64_encode(raw.bytes, sizeof raw.bytes);
}

char *s3_base64_md5(const void *data, size_t size_bytes)
{
    uint8_t md5[16];
    return hash_md5(data, size_bytes, md5) ? g_base64_encode(md5, sizeof md5) : NULL;
}

int64_t s3_http_time(const char *text)
{
    static const char *const months = "JanFebMarAprMayJunJulAugSepOctNovDec";
    int day = 0, year = 0, hour = 0, minute = 0, second = 0;
    char name[4] = "";
    const char *month = NULL;
    g_autoptr(GDateTime) time = NULL;
    if (text == NULL || sscanf(text, "%*3s, %2d %3s %4d %2d:%2d:%2d", &day, name, &year, &hour,
                               &minute, &second) != 6)
        return 0;
    month = strstr(months, name);
    if (month == NULL)
        return 0;
    time = g_date_time_new_utc(year, (int)(month - months) / 3 + 1, day, hour, minute, second);
    return time != NULL ? g_date_time_to_unix(time) * G_USEC_PER_SEC : 0;
}

/* ---- where to ---- */

/* The URL without its path, its host as it is signed, and the path in front of a key. */
typedef struct {
    char *base, *host, *path;
} Address;

static void address_clear(Address *address)
{
    g_free(address->base);
    g_free(address->host);
    g_free(address->path);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Address, address_clear)

static char *aws_endpoint(const char *region)
{
    return g_strdup_printf("https://s3.%s.amazonaws.com%s", region,
                           g_str_has_prefix(region, "cn-") ? ".cn" : "");
}

static bool is_default_port(const GUri *uri)
{
    const int port = g_uri_get_port((GUri *)uri);
    const bool tls = strcmp(g_uri_get_scheme((GUri *)uri), "https") == 0;
    return port == -1 || port == (tls ? 443 : 80);
}

static void find_address(const S3Config *config, const char *region, Address *address)
{
    g_autofree char *endpoint =
        config->endpoint != NULL ? g_strdup(config->endpoint) : aws_endpoint(region);
    g_autoptr(GUri) uri = g_uri_parse(endpoint, G_URI_FLAGS_ENCODED_PATH, NULL);
    g_autofree char *lower = g_ascii_strdown(g_uri_get_host(uri), -1);
    g_autofree char *port =
        is_default_port(uri) ? g_strdup("") : g_strdup_printf(":%d", g_uri_get_port(uri));
    const bool bracket = strchr(lower, ':') != NULL;
    const bool in_host = config->style == S3_STYLE_HOST;
    address->host = g_strconcat(in_host ? config->bucket : "", in_host ? "." : "",
                                bracket ? "[" : "", lower, bracket ? "]" : "", port, NULL);
    address->base = g_strconcat(g_uri_get_scheme(uri), "://", address->host, NULL);
    address->path = in_host ? g_strdup(g_uri_get_path(uri))
                            : g_strconcat(g_uri_get_path(uri), "/", config->bucket, NULL);
}

/* ---- one try ---- */

typedef struct {
    char *region;
    int64_t offset_us, latest_us;
} Moment;

static Moment take_moment(S3 *s3, const S3Request *request)
{
    const int64_t limit = clock_monotonic_us() + (request->cleanup ? CLEANUP_TIME_US : MAX_TIME_US);
    Moment moment;
    g_mutex_lock(&s3->mutex);
    moment.region = g_strdup(s3->region);
    moment.offset_us = s3->clock_offset_us;
    moment.latest_us = s3->latest_us != 0 && !request->cleanup ? MIN(s3->latest_us, limit) : limit;
    g_mutex_unlock(&s3->mutex);
    return moment;
}

/* The headers that are signed; everything belongs to the request or to the caller. */
static GPtrArray *headers_to_sign(const S3Request *request, const Credentials *credentials,
                                  const char *host, const char *time, const char *payload)
{
    GPtrArray *list = g_ptr_array_new();
    const char *const fixed[] = {"host", host, "x-amz-date", time, "x-amz-content-sha256", payload};
    for (size_t i = 0; i < G_N_ELEMENTS(fixed); i++)
        g_ptr_array_add(list, (gpointer)fixed[i]);
    if (credentials->token != NULL) {
        g_ptr_array_add(list, "x-amz-security-token");
        g_ptr_array_add(list, credentials->token);
    }
    for (const char *const *at = request->headers; at != NULL && *at != NULL; at++)
        g_ptr_array_add(list, (gpointer)*at);
    g_ptr_array_add(list, NULL);
    return list;
}

static HttpAnswer *try_once(S3 *s3, const S3Request *request, const Credentials *credentials,
                            const char *payload, const Moment *moment, GError **error)
{
    g_auto(Address) address = {0};
    g_autofree char *key = request->key != NULL ? sigv4_encode(request->key, true) : NULL;
    g_autofree char *query = sigv4_query(request->query);
    g_autofree char *time = sigv4_time(clock_wall_us() + moment->offset_us);
    g_autofree char *path = NULL;
    g_autofree char *url = NULL;
    g_autofree char *authorization = NULL;
    g_autoptr(GPtrArray) headers = NULL;
    find_address(s3->config, moment->region, &address);
    path = g_strconcat(address.path, "/", key != NULL ? key : "", NULL);
    url = g_strconcat(address.base, path, query[0] != '\0' ? "?" : "", query, NULL);
    headers = headers_to_sign(request, credentials, address.host, time, payload);
    authorization =
        sigv4_authorization(&(Sigv4Request){.access_key = credentials->access_key,
                                            .secret_key = credentials->secret_key,
                                            .region = moment->region,
                                            .service = "s3",
                                            .method = request->method,
                                            .path = path,
                                            .query = query,
                                            .headers = (const char *const *)headers->pdata,
                                            .payload_sha256 = payload,
                                            .time = time});
    g_ptr_array_index(headers, headers->len - 1) = "authorization";
    g_ptr_array_add(headers, authorization);
    g_ptr_array_add(headers, NULL);
    return http_send(s3->http,
                     &(HttpRequest){.method = request->method,
                                    .url = url,
                                    .headers = (const char *const *)headers->pdata,
                                    .body = request->body,
                                    .body_bytes = request->body_bytes,
                                    .answer_max_bytes = request->answer_max_bytes,
                                    .stall_ms = s3->config->timeout_ms * request->patience,
                                    .latest_us = moment->latest_us,
                                    .cancel = request->cancel,
                                    .shielded = request->cleanup,
                                    .once = request->once},
                     error);
}

/* ---- what it says ---- */

static int status_of_code(const char *code)
{
    if (strcmp(code, "SlowDown") == 0)
        return 503;
    return strcmp(code, "InternalError") == 0 ? 500 : 400;
}

/* An error has its code in the body; a status 200 that was sent before the work was done may turn
 * out to be one, too. */
static void read_refusal(const S3Request *request, S3Answer *answer, char **region)
{
    g_autoptr(Xml) xml = NULL;
    if (s3_succeeded(answer) && !request->xml)
        return;
    xml = xml_parse(answer->http->body->data, answer->http->body->len, NULL);
    if (xml == NULL || !xml_is(xml_root(xml), "Error"))
        return;
    answer->code = xml_text(xml_root(xml), "Code");
    answer->message = xml_text(xml_root(xml), "Message");
    *region = xml_text(xml_root(xml), "Region");
    if (s3_succeeded(answer))
        answer->http->status = status_of_code(answer->code != NULL ? answer->code : "");
}

static bool learn_region(S3 *s3, const S3Answer *answer, const char *told)
{
    const char *header = http_header(answer->http, "x-amz-bucket-region");
    const char *region = header != NULL ? header : told;
    bool learned = false;
    if (region == NULL || region[0] == '\0' ||
        strspn(region, "abcdefghijklmnopqrstuvwxyz0123456789-") != strlen(region))
        return false;
    g_mutex_lock(&s3->mutex);
    learned = strcmp(region, s3->region) != 0;
    if (learned) {
        g_free(s3->region);
        s3->region = g_strdup(region);
    }
    g_mutex_unlock(&s3->mutex);
    return learned;
}

static void learn_date(S3 *s3, const S3Answer *answer)
{
    const int64_t theirs_us = s3_http_time(http_header(answer->http, "date"));
    if (theirs_us == 0)
        return;
    g_mutex_lock(&s3->mutex);
    s3->date_offset_us = theirs_us - clock_wall_us();
    g_mutex_unlock(&s3->mutex);
}

static bool learn_clock(S3 *s3, const S3Answer *answer)
{
    if (http_header(answer->http, "date") == NULL)
        return false;
    g_mutex_lock(&s3->mutex);
    s3->clock_offset_us = s3->date_offset_us;
    g_mutex_unlock(&s3->mutex);
    return true;
}

typedef enum { NO, AT_ONCE, LATER } Again;

/* What is wrong with the request, and can be mended, is mended once. */
static Again may_mend(S3 *s3, const S3Request *request, const S3Answer *answer,
                      const Credentials *credentials, const char *region, unsigned *mended)
{
    const int status = answer->http->status;
    const bool head = strcmp(request->method, "HEAD") == 0;
    const unsigned before = *mended;
    if ((status == 301 || status == 307 || (status == 400 && head) ||
         s3_says(answer, "AuthorizationHeaderMalformed") || s3_says(answer, "PermanentRedirect")) &&
        (before & 1) == 0 && learn_region(s3, answer, region))
        *mended |= 1;
    else if (s3_says(answer, "RequestTimeTooSkewed") && (before & 2) == 0 &&
             learn_clock(s3, answer))
        *mended |= 2;
    else if ((s3_says(answer, "ExpiredToken") || s3_says(answer, "ExpiredTokenException") ||
              s3_says(answer, "TokenRefreshRequired")) &&
             (before & 4) == 0) {
        credentials_drop(s3->credentials, credentials);
        *mended |= 4;
    }
    return *mended != before ? AT_ONCE : NO;
}

static Again may_pass(const S3Answer *answer)
{
    static const int statuses[] = {408, 425, 429, 500, 502, 503, 504};
    static const char *const codes[] = {"RequestTimeout", "SlowDown", "InternalError",
                                        "OperationAborted", "ConditionalRequestConflict",
                                        /* damaged on the way */
                                        "BadDigest", "XAmzContentSHA256Mismatch", "InvalidDigest",
                                        "IncompleteBody"};
    for (size_t i = 0; i < G_N_ELEMENTS(statuses); i++) {
        if (answer->http->status == statuses[i])
            return LATER;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(codes); i++) {
        if (s3_says(answer, codes[i]))
            return LATER;
    }
    return NO;
}

/* ---- again and again ---- */

/* Full jitter, so that many clients of a store that has come back do not come at once. */
static int64_t backoff_ms(int tries, int64_t retry_after_ms)
{
    const int64_t most =
        MIN((int64_t)BACKOFF_FIRST_MS << MIN(tries - 1, 10), (int64_t)BACKOFF_MAX_MS);
    const int64_t jitter = g_random_int_range(0, (gint32)most + 1);
    return retry_after_ms > 0 ? retry_after_ms + jitter / 4 : jitter;
}

/* False if a signal, another thread or the limit ends it. */
static bool wait_ms(const S3Request *request, int64_t duration_ms, int64_t latest_us)
{
    const int64_t end_us = clock_monotonic_us() + duration_ms * 1000;
    if (end_us >= latest_us)
        return false;
    while (clock_monotonic_us() < end_us) {
        if ((request->cancel != NULL && g_atomic_int_get(request->cancel) != 0) ||
            (!request->cleanup && interrupt_pending() != 0))
            return false;
        g_usleep((gulong)MIN(end_us - clock_monotonic_us() + 1, (int64_t)50000));
    }
    return true;
}

static S3Answer *answer_new(HttpAnswer *http, int tries)
{
    S3Answer *answer = g_new0(S3Answer, 1);
    answer->http = http;
    answer->tries = tries;
    return answer;
}

static void tell(const S3 *s3, const S3Answer *answer, const GError *cause, int64_t delay_ms)
{
    if (answer != NULL)
        log_detail("s3://%s: status %d %s; again in %d ms", s3->config->bucket,
                   answer->http->status, answer->code != NULL ? answer->code : "", (int)delay_ms);
    else
        log_detail("s3://%s: %s; again in %d ms", s3->config->bucket, cause->message,
                   (int)delay_ms);
}

/* One try and what is to be done after it. */
static Again attempt(S3 *s3, const S3Request *request, const char *payload, int tries,
                     const Moment *moment, unsigned *mended, S3Answer **answer, GError **error)
{
    g_autoptr(Credentials) credentials = credentials_get(s3->credentials, request->cleanup, error);
    g_autofree char *region = NULL;
    HttpAnswer *http = NULL;
    Again again = NO;
    if (credentials == NULL)
        return NO;
    http = try_once(s3, request, credentials, payload, moment, error);
    if (http == NULL)
        return error_is(*error, ERROR_CONNECTION) ? LATER : NO;
    *answer = answer_new(http, tries);
    learn_date(s3, *answer);
    read_refusal(request, *answer, &region);
    if (s3_succeeded(*answer))
        return NO;
    again = may_mend(s3, request, *answer, credentials, region, mended);
    return again != NO ? again : may_pass(*answer);
}

S3Answer *s3_send(S3 *s3, const S3Request *request, GError **error)
{
    const HashHex payload = request->body_sha256 != NULL
                                ? hash_raw_to_hex(request->body_sha256)
                                : hash_bytes(request->body, request->body_bytes);
    const int most = request->cleanup ? CLEANUP_TRIES : s3->config->tries;
    Moment moment = take_moment(s3, request);
    const int64_t latest_us = moment.latest_us;
    unsigned mended = 0;
    S3Answer *answer = NULL;
    g_autoptr(GError) cause = NULL;
    for (int tries = 1;; tries++) {
        const Again again =
            attempt(s3, request, payload.hex, tries, &moment, &mended, &answer, &cause);
        const int64_t delay_ms =
            again == LATER ? backoff_ms(tries, answer != NULL ? answer->http->retry_after_ms : -1)
                           : 0;
        g_free(moment.region);
        moment.region = NULL;
        if (again == NO || tries >= most || !wait_ms(request, delay_ms, latest_us))
            break;
        tell(s3, answer, cause, delay_ms);
        g_clear_pointer(&answer, s3_answer_free);
        g_clear_error(&cause);
        moment = take_moment(s3, request);
        moment.latest_us = latest_us;
    }
    if (answer == NULL)
        g_propagate_error(error, g_steal_pointer(&cause));
    return answer;
}

/* ---- refusals ---- */

typedef struct {
    const char *code;
    ErrorCode error;
    const char *hint;
} Refusal;

static const Refusal refusals[] = {
    {"AccessDenied", ERROR_IO,
     "these credentials may not do that: docs/stores.md lists the rights that are needed"},
    {"InvalidAccessKeyId", ERROR_CONFIG, "the store does not know this access key"},
    {"SignatureDoesNotMatch", ERROR_CONFIG,
     "the secret access key is not the one of this access key"},
    {"InvalidToken", ERROR_CONFIG, "the session token is not valid"},
    {"ExpiredToken", ERROR_CONFIG, "the session token has expired: get new credentials"},
    {"NoSuchBucket", ERROR_CONFIG, "create the bucket, or mend its name"},
    {"PermanentRedirect", ERROR_CONFIG, "the bucket is elsewhere: set the region or the endpoint"},
    {"RequestTimeTooSkewed", ERROR_CONFIG, "set the clock of this machine"},
};

static const char *code_of_status(int status)
{
    switch (status) {
    case 403:
        return "AccessDenied";
    case 404:
        return "NotFound";
    default:
        return NULL;
    }
}

void s3_set_refused(const S3 *s3, const S3Answer *answer, const char *what, GError **error)
{
    const int status = answer->http->status;
    const char *code = answer->code != NULL ? answer->code : code_of_status(status);
    g_autofree char *short_message =
        text_shorten(answer->message != NULL ? answer->message : "", MESSAGE_MAX_BYTES);
    g_autofree char *words = text_printable(short_message);
    g_autofree char *shown = text_printable(code != NULL ? code : "no reason given");
    ErrorCode number = status >= 500 || status == 429 ? ERROR_CONNECTION : ERROR_IO;
    const char *hint = NULL;
    for (size_t i = 0; code != NULL && i < G_N_ELEMENTS(refusals); i++) {
        if (strcmp(code, refusals[i].code) == 0) {
            number = refusals[i].error;
            hint = refusals[i].hint;
        }
    }
    g_strchomp(words);
    if (g_str_has_suffix(words, "."))
        words[strlen(words) - 1] = '\0';
    error_set(error, number, "cannot %s: bucket '%s' answers %d, %s%s%s", what, s3->config->bucket,
              status, shown, words[0] != '\0' ? ": " : "", words);
    if (hint != NULL)
        error_hint_set(error, "%s", hint);
}

S3Answer *s3_ask(S3 *s3, const S3Request *request, const char *what, GError **error)
{
    g_autoptr(S3Answer) answer = s3_send(s3, request, error);
    if (answer == NULL) {
        g_prefix_error(error, "cannot %s: ", what);
        return NULL;
    }
    if (s3_succeeded(answer))
        return g_steal_pointer(&answer);
    s3_set_refused(s3, answer, what, error);
    return NULL;
}

Xml *s3_answer_xml(const S3Answer *answer, const char *what, GError **error)
{
    Xml *xml = xml_parse(answer->http->body->data, answer->http->body->len, error);
    if (xml == NULL)
        g_prefix_error(error, "cannot %s: ", what);
    return xml;
}
