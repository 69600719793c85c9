/* Signatures: the vectors that AWS has published, and how paths and queries are written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/sigv4.h"
#include <string.h>

#define SUITE_SECRET "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
#define S3_SECRET "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
#define SUITE_HEADERS "Host", "example.amazonaws.com", "X-Amz-Date", "20150830T123600Z"
#define S3_HEADERS                                                                                 \
    "Host", "examplebucket.s3.amazonaws.com", "x-amz-date", "20130524T000000Z",                    \
        "x-amz-content-sha256"

typedef struct {
    const char *name, *method, *path, *query[5], *headers[13], *payload, *signed_headers,
        *signature;
} Vector;

/* The AWS Signature Version 4 test suite. */
static const Vector suite[] = {
    {"get-vanilla",
     "GET",
     "/",
     {NULL},
     {SUITE_HEADERS},
     "",
     "host;x-amz-date",
     "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
    {"get-vanilla-query-order-key-case",
     "GET",
     "/",
     {"Param2", "value2", "Param1", "value1"},
     {SUITE_HEADERS},
     "",
     "host;x-amz-date",
     "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
    {"post-vanilla",
     "POST",
     "/",
     {NULL},
     {SUITE_HEADERS},
     "",
     "host;x-amz-date",
     "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
    {"get-header-key-duplicate",
     "GET",
     "/",
     {NULL},
     {SUITE_HEADERS, "My-Header1", " value2,value2,value1 "},
     "",
     "host;my-header1;x-amz-date",
     "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea"},
};

/* The examples of the Amazon S3 API reference, "Signature Calculations for the Authorization
 * Header". */
static const Vector s3[] = {
    {"GET object",
     "GET",
     "/test.txt",
     {NULL},
     {S3_HEADERS, NULL, "Range", "bytes=0-9"},
     "",
     "host;range;x-amz-content-sha256;x-amz-date",
     "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"},
    {"PUT object",
     "PUT",
     "/test$file.text",
     {NULL},
     {S3_HEADERS, NULL, "Date", "Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class",
      "REDUCED_REDUNDANCY"},
     "Welcome to Amazon S3.",
     "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
     "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"},
    {"GET bucket lifecycle",
     "GET",
     "/",
     {"lifecycle", ""},
     {S3_HEADERS, NULL},
     "",
     "host;x-amz-content-sha256;x-amz-date",
     "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"},
    {"list objects",
     "GET",
     "/",
     {"prefix", "J", "max-keys", "2"},
     {S3_HEADERS, NULL},
     "",
     "host;x-amz-content-sha256;x-amz-date",
     "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"},
};

static void assert_signed(const Vector *vector, const char *key, const char *secret,
                          const char *service, const char *time)
{
    const HashHex payload = hash_text(vector->payload);
    const char *headers[13];
    g_autofree char *path = sigv4_encode(vector->path, true);
    g_autofree char *query = sigv4_query(vector->query);
    g_autofree char *actual = NULL;
    g_autofree char *expected = NULL;
    Sigv4Request request = {.access_key = key,
                            .secret_key = secret,
                            .region = "us-east-1",
                            .service = service,
                            .method = vector->method,
                            .path = path,
                            .query = query,
                            .headers = headers,
                            .payload_sha256 = payload.hex,
                            .time = time};
    memcpy(headers, vector->headers, sizeof headers);
    if (headers[4] != NULL && headers[5] == NULL)
        headers[5] = payload.hex;
    actual = sigv4_authorization(&request);
    expected = g_strdup_printf("AWS4-HMAC-SHA256 Credential=%s/%.8s/us-east-1/%s/aws4_request, "
                               "SignedHeaders=%s, Signature=%s",
                               key, time, service, vector->signed_headers, vector->signature);
    if (strcmp(actual, expected) != 0)
        fail_msg("%s: %s\n is not %s", vector->name, actual, expected);
}

static void published_vectors_are_met(void **state)
{
    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(suite); i++)
        assert_signed(&suite[i], "AKIDEXAMPLE", SUITE_SECRET, "service", "20150830T123600Z");
    for (size_t i = 0; i < G_N_ELEMENTS(s3); i++)
        assert_signed(&s3[i], "AKIAIOSFODNN7EXAMPLE", S3_SECRET, "s3", "20130524T000000Z");
}

static void a_key_is_encoded_once(void **state)
{
    g_autofree char *path = sigv4_encode("a b/\xc3\xa9+=%(x)~_-.", true);
    g_autofree char *value = sigv4_encode("a/b", false);
    (void)state;
    assert_string_equal(path, "a%20b/%C3%A9%2B%3D%25%28x%29~_-.");
    assert_string_equal(value, "a%2Fb");
}

/* By name, then by value; one that another begins with comes first, whatever '=' sorts like. */
static void a_query_is_sorted_by_name(void **state)
{
    static const char *const pairs[] = {"uploads-x", "1", "uploads", "", "a", "2", "a", "1", NULL};
    g_autofree char *query = sigv4_query(pairs);
    (void)state;
    assert_string_equal(query, "a=1&a=2&uploads=&uploads-x=1");
}

/* libcurl's own signer sorts the lines, where ':' is behind '-'. */
static void headers_are_sorted_by_name(void **state)
{
    static const char *const headers[] = {
        "x-amz-meta-a-b", "1", "x-amz-meta-a", "2", "host", "h", NULL};
    const Sigv4Request request = {.access_key = "k",
                                  .secret_key = "s",
                                  .region = "r",
                                  .service = "s3",
                                  .method = "GET",
                                  .path = "/",
                                  .query = "",
                                  .headers = headers,
                                  .payload_sha256 = "UNSIGNED-PAYLOAD",
                                  .time = "20130524T000000Z"};
    g_autofree char *text = sigv4_authorization(&request);
    (void)state;
    assert_non_null(strstr(text, "SignedHeaders=host;x-amz-meta-a;x-amz-meta-a-b,"));
}

static void time_is_written_in_utc(void **state)
{
    g_autofree char *text = sigv4_time((int64_t)1369353600 * G_USEC_PER_SEC);
    (void)state;
    assert_string_equal(text, "20130524T000000Z");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_vectors_are_met), cmocka_unit_test(a_key_is_encoded_once),
        cmocka_unit_test(a_query_is_sorted_by_name), cmocka_unit_test(headers_are_sorted_by_name),
        cmocka_unit_test(time_is_written_in_utc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
