# ResNet Viz in a container; docs/DEPLOY.md says how it is used.
#   docker build -t resnet-viz . && docker run -p 127.0.0.1:8501:8501 -v resnet-viz:/data resnet-viz
FROM python:3.12-slim

# torch and torchvision for the processor alone, a matched pair, a fraction of the size of the CUDA build. For that one:
#   docker build --build-arg TORCH_INDEX= -t resnet-viz .
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
RUN pip install --no-cache-dir ${TORCH_INDEX:+--index-url $TORCH_INDEX} "torch>=2.9,<3" "torchvision>=0.24,<1"

COPY . /src
RUN pip install --no-cache-dir /src && rm -rf /src

# A user of one's own; Hugging Face Spaces asks for number 1000.
RUN useradd --create-home --uid 1000 viz && mkdir /data && chown viz /data
USER viz
WORKDIR /data
ENV RESNET_VIZ_HOME=/data/runs RESNET_VIZ_DATA=/data/cache
VOLUME /data

EXPOSE 8501
HEALTHCHECK --start-period=20s CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8501/_stcore/health', timeout=4)"]
CMD ["resnet-viz", "app", "--headless", "--host", "0.0.0.0", "--port", "8501"]
