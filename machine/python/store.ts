/** Client of the zone store and of instance metadata. */
export const STORE_PY = String.raw`
# The zone store for machines that have nothing but python3: S3 by path, signed with the instance role's credentials.
import datetime, hashlib, hmac, http.client, json, os, time, urllib.error, urllib.parse, urllib.request

METADATA = os.environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://169.254.169.254").rstrip("/")


def metadata(path):
    """IMDSv2: a token first, then the value."""
    ask = urllib.request.Request(METADATA + "/latest/api/token", method="PUT",
                                 headers={"X-aws-ec2-metadata-token-ttl-seconds": "300"})
    with urllib.request.urlopen(ask, timeout=5) as answer:
        token = answer.read().decode()
    ask = urllib.request.Request(METADATA + "/latest/" + path, headers={"X-aws-ec2-metadata-token": token})
    with urllib.request.urlopen(ask, timeout=5) as answer:
        return answer.read().decode()


def endpoint(region):
    """Services that cloud-init starts do not read /etc/environment."""
    found = os.environ.get("AWS_ENDPOINT_URL", "")
    if not found and os.path.exists("/etc/environment"):
        with open("/etc/environment") as lines:
            for line in lines:
                name, _, value = line.strip().partition("=")
                if name == "AWS_ENDPOINT_URL":
                    found = value.strip("\"'")
    return (found or "https://s3.%s.amazonaws.com" % region).rstrip("/")


class Store:
    def __init__(self, bucket, region):
        self.bucket, self.region, self.endpoint = bucket, region, endpoint(region)
        self.credentials, self.until = None, 0

    def _credentials(self):
        if time.time() >= self.until:
            role = metadata("meta-data/iam/security-credentials/").split()[0]
            self.credentials = json.loads(metadata("meta-data/iam/security-credentials/" + role))
            self.until = time.time() + 300
        return self.credentials

    def request(self, method, key, body=b""):
        """An open response. https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html"""
        keys = self._credentials()
        url = urllib.parse.urlsplit(self.endpoint)
        path = urllib.parse.quote("/%s/%s" % (self.bucket, key), safe="/-_.~")
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        payload = hashlib.sha256(body).hexdigest()
        headers = {"host": url.netloc, "x-amz-content-sha256": payload, "x-amz-date": now}
        if keys.get("Token"):
            headers["x-amz-security-token"] = keys["Token"]
        names = ";".join(sorted(headers))
        lines = "".join("%s:%s\n" % (name, headers[name]) for name in sorted(headers))
        canonical = "\n".join([method, path, "", lines, names, payload])
        scope = "/".join([now[:8], self.region, "s3", "aws4_request"])
        text = "\n".join(["AWS4-HMAC-SHA256", now, scope, hashlib.sha256(canonical.encode()).hexdigest()])
        secret = ("AWS4" + keys["SecretAccessKey"]).encode()
        for part in scope.split("/"):
            secret = hmac.new(secret, part.encode(), hashlib.sha256).digest()
        headers["authorization"] = "AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%s" % (
            keys["AccessKeyId"], scope, names, hmac.new(secret, text.encode(), hashlib.sha256).hexdigest())
        ask = urllib.request.Request(self.endpoint + path, data=body if method == "PUT" else None,
                                     headers=headers, method=method)
        try:
            return urllib.request.urlopen(ask, timeout=60)
        except urllib.error.HTTPError as error:
            said = error.read(500).decode(errors="replace")
            raise OSError("%s %s answers %d: %s" % (method, key, error.code, said)) from error

    def put(self, key, body):
        self.request("PUT", key, body).close()

    def fetch(self, key, path, sha256):
        digest = hashlib.sha256()
        with self.request("GET", key) as source, open(path, "wb") as target:
            for chunk in iter(lambda: source.read(1 << 20), b""):
                digest.update(chunk)
                target.write(chunk)
        if digest.hexdigest() != sha256:
            raise ValueError("%s has checksum %s, expected %s" % (key, digest.hexdigest(), sha256))


def retried(seconds, work):
    """Roles, routes and name servers of a machine that has just booted may need a while to be there."""
    deadline, pause = time.monotonic() + seconds, 1
    while True:
        try:
            return work()
        except (OSError, http.client.HTTPException, ValueError, LookupError) as error:
            if time.monotonic() + pause > deadline:
                raise
            print("will try again in %ds: %s" % (pause, error), flush=True)
            time.sleep(pause)
            pause = min(pause * 2, 15)
`;
