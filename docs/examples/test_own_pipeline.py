from own_pipeline import main

RECORDING = "tests/recordings/letter_16k.wav"


def test_every_text_is_printed(beamscribe_service, capfd):
    service = beamscribe_service(answers=["dear Anna"])
    stopped = main(service.endpoint, [RECORDING])
    assert stopped is None
    assert "dear Anna" in capfd.readouterr().out
